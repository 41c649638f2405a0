/* The listener filter. */
#include "listener_filter.h"

#include <stdlib.h>

void *listener_config_new(struct text config) {
    (void)config;
    return NULL;
}
void listener_config_free(void *config) { (void)config; }
void *listener_filter_new(void *config, void *envoy) {
    (void)config, (void)envoy;
    return NULL;
}
void listener_filter_free(void *filter) { (void)filter; }
int listener_filter_data(void *filter) {
    (void)filter;
    return 0;
}
size_t listener_filter_wanted(void *filter) {
    (void)filter;
    return 1;
}
