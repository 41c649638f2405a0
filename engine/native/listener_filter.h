/* The listener filter: names the protocol of a connection by its first bytes, so that a port which other protocols share
 * picks the filter chain with the codec filter. Copies the bytes for the Python half, and reads none. */
#ifndef MP_LISTENER_FILTER_H
#define MP_LISTENER_FILTER_H

#include "buffer.h"

void *listener_config_new(struct text config);
void listener_config_free(void *config);
void *listener_filter_new(void *config, void *envoy);
void listener_filter_free(void *filter);
int listener_filter_data(void *filter);
size_t listener_filter_wanted(void *filter);

#endif
