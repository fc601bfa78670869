#include "services/intake/waiters.h"

#include "services/intake/id_map.h"

#include <pthread.h>
#include <stdlib.h>

struct waiters {
	pthread_mutex_t lock;
	atomic_size_t count; /* so that no lock is taken where nobody waits */
	struct id_map *tickets;
};

struct waiters *waiters_new(size_t most)
{
	struct waiters *waiters = calloc(1, sizeof(*waiters));
	if (waiters == NULL)
		return NULL;
	pthread_mutex_init(&waiters->lock, NULL);
	waiters->tickets = id_map_new(most);
	if (waiters->tickets == NULL)
		waiters_free(&waiters);
	return waiters;
}

void waiters_free(struct waiters **waiters)
{
	if (*waiters == NULL)
		return;
	pthread_mutex_destroy(&(*waiters)->lock);
	id_map_free(&(*waiters)->tickets);
	free(*waiters);
	*waiters = NULL;
}

/* A ticket is no address and is never 0. */
static void *as_value(http_ticket ticket)
{
	return (void *)(uintptr_t)ticket;
}

bool waiters_add(struct waiters *waiters, const struct id128 *submission, http_ticket ticket)
{
	pthread_mutex_lock(&waiters->lock);
	bool added = id_map_add(waiters->tickets, submission, as_value(ticket));
	atomic_store(&waiters->count, id_map_count(waiters->tickets));
	pthread_mutex_unlock(&waiters->lock);
	return added;
}

bool waiters_take(struct waiters *waiters, const struct id128 *submission, http_ticket *ticket)
{
	if (atomic_load(&waiters->count) == 0)
		return false;
	pthread_mutex_lock(&waiters->lock);
	void *value = id_map_remove(waiters->tickets, submission);
	atomic_store(&waiters->count, id_map_count(waiters->tickets));
	pthread_mutex_unlock(&waiters->lock);
	*ticket = (uintptr_t)value;
	return value != NULL;
}

void waiters_remove(struct waiters *waiters, const struct id128 *submission, http_ticket ticket)
{
	pthread_mutex_lock(&waiters->lock);
	if (id_map_find(waiters->tickets, submission) == as_value(ticket))
		id_map_remove(waiters->tickets, submission);
	atomic_store(&waiters->count, id_map_count(waiters->tickets));
	pthread_mutex_unlock(&waiters->lock);
}

void decision_letter_free(struct decision_letter **letter)
{
	if (*letter != NULL)
		free((*letter)->decision);
	free(*letter);
	*letter = NULL;
}
