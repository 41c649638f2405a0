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

struct request;

struct http_config {
    enum { ADMISSION, PYTHON, ATTEMPT } kind;
    size_t forged, exceptions, deadlines; /* counters */
    void *runner; /* the Python half's FilterRunner */
};

struct http_filter {
    struct http_config *config;
    void *envoy;
    struct request *request; /* NULL: not one of ours */
};

#define HEADER_TOKEN TEXT("x-metaprotocol-token")
#define HEADER_REPLY TEXT("x-metaprotocol-reply")

/* ---- http_filter.c: all */

void *http_config_new(void *envoy, struct text name, struct text config);
void http_config_free(void *config);
void *http_filter_new(void *config, void *envoy);
void http_filter_free(void *filter);
int http_filter_request(void *filter);
int http_filter_response(void *filter);
/* Envoy's stream ends. A reset of it is written after this. */
void http_filter_complete(void *filter);

/* ---- admission.c: `admission` and `attempt` */

int admission_request(struct http_filter *filter);
int admission_response(struct http_filter *filter);
int attempt_request(struct http_filter *filter);
/* Write into the request what Envoy says of its answer so far, or of its stream's end. */
void admission_read_details(struct http_filter *filter);
/* The request of ours that was admitted on this stream, or that this stream is an attempt or a mirror of. */
struct request *admission_find_admitted(struct http_filter *filter);
/* The request of ours that this stream brings, if it was registered on this connection and not admitted yet. */
struct request *admission_find_registered(struct http_filter *filter);
/* Envoy is back in its event loop: the mirrors of the last request have begun. */
void http_filter_passed(void);

/* ---- python_filter.c: `python` */

bool python_filter_load(struct http_config *config, struct text text);
int python_filter_request(struct http_filter *filter);
int python_filter_response(struct http_filter *filter);

#endif
