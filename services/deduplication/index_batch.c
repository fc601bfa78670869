#include "services/deduplication/index_batch.h"

static void ask(struct text_index *index, struct index_asked *asked)
{
	if (asked->question.peek) {
		index_peek(index, &asked->question, &asked->answer);
		return;
	}
	asked->fault = index_ask(index, &asked->question, &asked->answer);
	asked->to_be_learnt |= asked->fault == INDEX_OK && asked->answer.newly_posted;
}

bool index_batch_overtake(struct text_index *index, struct index_asked *asked, size_t count)
{
	bool overtook = false;

	for (size_t i = 0; i < count; i++) {
		if (!asked[i].readable || !asked[i].question.overtake)
			continue;
		ask(index, &asked[i]);
		overtook |= asked[i].fault == INDEX_OK && asked[i].answer.overtook;
	}
	return overtook;
}

void index_batch_ask(struct text_index *index, struct index_asked *asked, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (asked[i].readable && asked[i].fault == INDEX_OK)
			ask(index, &asked[i]);
}
