/* HTTP filters of the module, by name:
 *
 * - `admission`, the first: takes a request of ours out of the codec filter's hand, once and on its own connection; takes
 *   x-metaprotocol-* headers from all others; answers ROUTE_NOT_FOUND where the cluster has no bridge; remembers why Envoy
 *   answered a request itself.
 * - `attempt`, of a cluster with the bridge: lets the bridge find a request that was admitted, which no header that left
 *   the process could.
 * - `python`: a filter of the user's, in Python, which sees a request's Metadata and writes a Mutation. */
#ifndef MP_HTTP_FILTER_H
#define MP_HTTP_FILTER_H

#include "buffer.h"

void *http_config_new(void *envoy, struct text name, struct text config);
void http_config_free(void *config);
void *http_filter_new(void *config, void *envoy);
void http_filter_free(void *filter);
int http_filter_request(void *filter);
int http_filter_response(void *filter);
/* Envoy is back in its event loop: the mirrors of the last request have begun. */
void http_filter_passed(void);

#define HEADER_TOKEN TEXT("x-metaprotocol-token")
#define HEADER_REPLY TEXT("x-metaprotocol-reply")

#endif
