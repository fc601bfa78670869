#include "services/intake/waiters.h"

#include "services/intake/id_map.h"

#include <pthread.h>
#include <stdlib.h>

struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct id128 submission;
	http_ticket ticket;
	int64_t look_at_ms;
};

struct waiters {
	pthread_mutex_t lock;
	atomic_size_t count; /* so that no lock is taken where nobody waits */
	struct id_map *by_submission;
	TAILQ_HEAD(waiter_list, waiter) by_look; /* ascending by look_at_ms */
	struct mailbox *mailbox;
};

struct waiters *waiters_new(size_t most, struct mailbox *mailbox)
{
	struct waiters *waiters = calloc(1, sizeof(*waiters));
	if (waiters == NULL)
		return NULL;
	pthread_mutex_init(&waiters->lock, NULL);
	TAILQ_INIT(&waiters->by_look);
	waiters->mailbox = mailbox;
	waiters->by_submission = id_map_new(most);
	if (waiters->by_submission == NULL)
		waiters_free(&waiters);
	return waiters;
}

void waiters_free(struct waiters **handle)
{
	struct waiters *waiters = *handle;
	struct waiter *waiter;
	*handle = NULL;
	if (waiters == NULL)
		return;
	while ((waiter = TAILQ_FIRST(&waiters->by_look)) != NULL) {
		TAILQ_REMOVE(&waiters->by_look, waiter, link);
		free(waiter);
	}
	pthread_mutex_destroy(&waiters->lock);
	id_map_free(&waiters->by_submission);
	free(waiters);
}

static void look_later(struct waiters *waiters, struct waiter *waiter, int64_t now_ms)
{
	waiter->look_at_ms = now_ms + WAITERS_LOOK_MS;
	TAILQ_INSERT_TAIL(&waiters->by_look, waiter, link);
}

bool waiters_add(struct waiters *waiters, const struct id128 *submission, http_ticket ticket, int64_t now_ms)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));
	if (waiter == NULL)
		return false;
	*waiter = (struct waiter){.submission = *submission, .ticket = ticket};
	pthread_mutex_lock(&waiters->lock);
	bool added = id_map_add(waiters->by_submission, submission, waiter);
	if (added)
		look_later(waiters, waiter, now_ms);
	atomic_store(&waiters->count, id_map_count(waiters->by_submission));
	pthread_mutex_unlock(&waiters->lock);
	if (!added)
		free(waiter);
	return added;
}

/* The lock is held. */
static void forget(struct waiters *waiters, struct waiter *waiter)
{
	id_map_remove(waiters->by_submission, &waiter->submission);
	TAILQ_REMOVE(&waiters->by_look, waiter, link);
	atomic_store(&waiters->count, id_map_count(waiters->by_submission));
	free(waiter);
}

void waiters_remove(struct waiters *waiters, const struct id128 *submission, http_ticket ticket)
{
	pthread_mutex_lock(&waiters->lock);
	struct waiter *waiter = id_map_find(waiters->by_submission, submission);
	if (waiter != NULL && waiter->ticket == ticket)
		forget(waiters, waiter);
	pthread_mutex_unlock(&waiters->lock);
}

bool waiters_has(struct waiters *waiters, const struct id128 *submission)
{
	if (atomic_load(&waiters->count) == 0)
		return false;
	pthread_mutex_lock(&waiters->lock);
	bool has = id_map_find(waiters->by_submission, submission) != NULL;
	pthread_mutex_unlock(&waiters->lock);
	return has;
}

void waiters_tell(struct waiters *waiters, const struct id128 *submission, struct decision *decision)
{
	struct decision_letter *letter = calloc(1, sizeof(*letter));
	if (letter == NULL || decision == NULL) {
		free(letter);
		free(decision);
		return; /* it is due for a look again */
	}
	*letter = (struct decision_letter){.letter = LETTER_DECISION, .decision = decision};
	pthread_mutex_lock(&waiters->lock);
	struct waiter *waiter = id_map_find(waiters->by_submission, submission);
	bool waits = waiter != NULL;
	if (waits) {
		letter->ticket = waiter->ticket;
		forget(waiters, waiter);
	}
	pthread_mutex_unlock(&waiters->lock);
	if (!waits || !mailbox_push(waiters->mailbox, letter))
		decision_letter_free(&letter);
}

size_t waiters_due(struct waiters *waiters, int64_t now_ms, struct id128 *submissions, size_t most)
{
	struct waiter *waiter;
	size_t count = 0;
	if (atomic_load(&waiters->count) == 0)
		return 0;
	pthread_mutex_lock(&waiters->lock);
	while (count < most && (waiter = TAILQ_FIRST(&waiters->by_look)) != NULL && waiter->look_at_ms <= now_ms) {
		TAILQ_REMOVE(&waiters->by_look, waiter, link);
		look_later(waiters, waiter, now_ms);
		submissions[count++] = waiter->submission;
	}
	pthread_mutex_unlock(&waiters->lock);
	return count;
}

void decision_letter_free(struct decision_letter **letter)
{
	if (*letter != NULL)
		free((*letter)->decision);
	free(*letter);
	*letter = NULL;
}
