/* Pushing in any order, against a model. */
#ifndef PUSHED_H
#define PUSHED_H

/* Seeds of writes, zeros and inherits, each read back. */
void pushed_at_random(void);
/* The same in an event loop. */
void pushed_without_waiting(void);

#endif
