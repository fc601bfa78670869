#include "services/deduplication/offline.h"
int main(int argc, char **argv)
{
	return offline_run(argc, argv);
}
