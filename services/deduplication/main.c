#include "services/deduplication/explain_run.h"
#include "services/deduplication/offline.h"
#include "services/deduplication/roles.h"

int main(int argc, char **argv)
{
	struct deduplication_settings settings = {0};
	const struct service_options options = {
		.name = "deduplication",
		.purpose = "finds exact and near copies; with --offline INPUT.jsonl in a file; --explain A B",
		.fields = DEDUPLICATION_FIELDS,
		.field_count = DEDUPLICATION_FIELD_COUNT,
		.settings = &settings,
		.common = &settings.service,
	};
	enum deduplication_role role;
	int exit_code;

	if (offline_is_asked_for(argc, argv))
		return offline_run(argc, argv);
	if (explain_is_asked_for(argc, argv))
		return explain_run(argc, argv);
	struct service *service = service_open(&options, argc, argv, &exit_code);
	if (service == NULL)
		return exit_code;
	if (!settings_check(&settings, &role))
		exit_code = CONFIG_EXIT_BAD;
	else
		exit_code = role == ROLE_SIGN ? sign_role_run(service, &settings) : index_role_run(service, &settings);
	service_close(&service);
	return exit_code;
}
