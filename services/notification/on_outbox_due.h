/* quota → notification: there are rows in the outbox. Only a hint: the rows are the truth. */
#ifndef SANGKIEN_NOTIFICATION_ON_OUTBOX_DUE_H
#define SANGKIEN_NOTIFICATION_ON_OUTBOX_DUE_H

#include "common/edge/receiver.h"

void on_outbox_due(struct delivery *delivery, void *deliverer);

#endif
