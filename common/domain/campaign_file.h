/* The shape of a campaign file, and what must agree within it. Used by campaign_parse(); bilingual_read() by
 * other files of a campaign too. */
#ifndef SANGKIEN_DOMAIN_CAMPAIGN_FILE_H
#define SANGKIEN_DOMAIN_CAMPAIGN_FILE_H

#include "common/domain/campaign.h"
#include "common/domain/yaml_reader.h"

/* Fills `campaign` from the root node; every fault is said. */
void campaign_file_read(struct yaml_reader *reader, yaml_node_t *root, struct campaign *campaign);

/* One version of the rules (rule_pack_file.c). */
void rule_pack_read(struct yaml_reader *reader, yaml_node_t *node, void *rule_pack);
/* How people are told (notices_file.c): into the campaign's `notices`. */
void notices_read(struct yaml_reader *reader, yaml_node_t *node, void *notice_rules);
void bilingual_read(struct yaml_reader *reader, yaml_node_t *node, void *bilingual);

#endif
