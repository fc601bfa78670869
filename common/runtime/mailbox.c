#include "common/runtime/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t arrived; /* on the monotonic clock */
	int event;              /* its counter is 1 while there are letters, else 0; changed under the lock */
	bool closed;
	size_t capacity, first, count;
	void *letters[]; /* a ring */
};

static bool init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	if (pthread_condattr_init(&attributes) != 0)
		return false;
	bool good = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
		    pthread_cond_init(condition, &attributes) == 0;
	pthread_condattr_destroy(&attributes);
	return good;
}

struct mailbox *mailbox_new(size_t capacity)
{
	assert(capacity > 0 && capacity <= SIZE_MAX / sizeof(void *) / 2);
	struct mailbox *mailbox = calloc(1, sizeof(*mailbox) + capacity * sizeof(void *));
	if (mailbox == NULL)
		return NULL;
	mailbox->capacity = capacity;
	mailbox->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mailbox->event < 0)
		goto no_event;
	if (pthread_mutex_init(&mailbox->lock, NULL) != 0)
		goto no_lock;
	if (!init_condition(&mailbox->arrived))
		goto no_condition;
	return mailbox;
no_condition:
	pthread_mutex_destroy(&mailbox->lock);
no_lock:
	close(mailbox->event);
no_event:
	free(mailbox);
	return NULL;
}

void mailbox_free(struct mailbox **mailbox)
{
	if (*mailbox == NULL)
		return;
	pthread_cond_destroy(&(*mailbox)->arrived);
	pthread_mutex_destroy(&(*mailbox)->lock);
	close((*mailbox)->event);
	free(*mailbox);
	*mailbox = NULL;
}

bool mailbox_push(struct mailbox *mailbox, void *letter)
{
	pthread_mutex_lock(&mailbox->lock);
	bool accepted = !mailbox->closed && mailbox->count < mailbox->capacity;
	if (accepted) {
		mailbox->letters[(mailbox->first + mailbox->count) % mailbox->capacity] = letter;
		if (mailbox->count++ == 0) {
			int failed = eventfd_write(mailbox->event, 1);
			assert(failed == 0);
		}
		pthread_cond_signal(&mailbox->arrived);
	}
	pthread_mutex_unlock(&mailbox->lock);
	return accepted;
}

static size_t take_locked(struct mailbox *mailbox, void **letters, size_t most)
{
	size_t taken = mailbox->count < most ? mailbox->count : most;
	for (size_t i = 0; i < taken; i++)
		letters[i] = mailbox->letters[(mailbox->first + i) % mailbox->capacity];
	mailbox->first = (mailbox->first + taken) % mailbox->capacity;
	mailbox->count -= taken;
	if (taken > 0 && mailbox->count == 0) {
		eventfd_t ignored;
		int failed = eventfd_read(mailbox->event, &ignored);
		assert(failed == 0);
	}
	return taken;
}

size_t mailbox_take(struct mailbox *mailbox, void **letters, size_t most)
{
	pthread_mutex_lock(&mailbox->lock);
	size_t taken = take_locked(mailbox, letters, most);
	pthread_mutex_unlock(&mailbox->lock);
	return taken;
}

static struct timespec deadline_after(int timeout_ms)
{
	struct timespec deadline;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += timeout_ms / 1000;
	deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000;
	}
	return deadline;
}

size_t mailbox_wait(struct mailbox *mailbox, void **letters, size_t most, int timeout_ms)
{
	struct timespec deadline = deadline_after(timeout_ms > 0 ? timeout_ms : 0);
	pthread_mutex_lock(&mailbox->lock);
	int status = 0;
	while (mailbox->count == 0 && !mailbox->closed && status != ETIMEDOUT) {
		if (timeout_ms < 0)
			status = pthread_cond_wait(&mailbox->arrived, &mailbox->lock);
		else
			status = pthread_cond_timedwait(&mailbox->arrived, &mailbox->lock, &deadline);
		assert(status == 0 || status == ETIMEDOUT);
	}
	size_t taken = take_locked(mailbox, letters, most);
	pthread_mutex_unlock(&mailbox->lock);
	return taken;
}

size_t mailbox_count(const struct mailbox *mailbox)
{
	/* The lock is no part of what the caller sees as constant. */
	struct mailbox *locked = (struct mailbox *)mailbox;
	pthread_mutex_lock(&locked->lock);
	size_t count = locked->count;
	pthread_mutex_unlock(&locked->lock);
	return count;
}

int mailbox_fd(const struct mailbox *mailbox)
{
	return mailbox->event;
}

void mailbox_close(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->closed = true;
	pthread_cond_broadcast(&mailbox->arrived);
	pthread_mutex_unlock(&mailbox->lock);
}
