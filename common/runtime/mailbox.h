/* A bounded queue of pointers between threads, with an eventfd that is readable while it is not empty. */
#ifndef SANGKIEN_RUNTIME_MAILBOX_H
#define SANGKIEN_RUNTIME_MAILBOX_H

#include "common/runtime/base.h"

struct mailbox;

struct mailbox *mailbox_new(size_t capacity) MUST_CHECK;
void mailbox_free(struct mailbox **mailbox); /* must be empty or its contents owned elsewhere */

bool mailbox_push(struct mailbox *mailbox, void *letter) MUST_CHECK;       /* any thread; false when full or closed */
size_t mailbox_take(struct mailbox *mailbox, void **letters, size_t most); /* never waits; any thread */
/* Waits until there is at least one letter, the mailbox is closed, or `timeout_ms` has passed (-1: no limit). */
size_t mailbox_wait(struct mailbox *mailbox, void **letters, size_t most, int timeout_ms);
size_t mailbox_count(const struct mailbox *mailbox);
int mailbox_fd(const struct mailbox *mailbox); /* for poll; read nothing from it, mailbox_take() does */
void mailbox_close(struct mailbox *mailbox);   /* pushes are refused from now on; waiters wake */

#endif
