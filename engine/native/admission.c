/* The filters `admission` and `attempt`: the way of a request's token through Envoy. Touch x-metaprotocol-* headers alone,
 * and the filter state of the stream. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "codec_filter.h"
#include "http_filter.h"
#include "request.h"

enum { FEW_HEADERS = 64 };

static const struct text OWN_HEADERS = {"x-metaprotocol-", 15};
static const struct text REFERENCE = {"metaprotocol.request", 20}; /* in the stream's filter state */

/* Remove a header of Envoy's, by a copy of its name: removing it ends the name's life. */
static void remove_header(void *envoy, enum abi_headers kind, struct text name) {
    char few[256], *copy = name.size <= sizeof few ? few : malloc(name.size);
    if (!copy) abort(); /* otherwise a header that policies and the bridge believe stays */
    memcpy(copy, name.data, name.size);
    abi_http_remove_header(envoy, kind, (struct text){copy, name.size});
    if (copy != few) free(copy);
}

/* Take x-metaprotocol-* headers away; return true if there were any. */
static bool strip(struct http_filter *filter, enum abi_headers kind) {
    struct header few[FEW_HEADERS], *headers = few;
    size_t count = abi_http_headers_size(filter->envoy, kind);
    if (count > FEW_HEADERS && !(headers = malloc(count * sizeof *headers))) abort();
    bool any = false;
    if (count && !abi_http_headers(filter->envoy, kind, headers)) count = 0;
    for (size_t i = 0; i < count;) {
        if (!text_begins(headers[i].name, OWN_HEADERS)) {
            i++;
            continue;
        }
        any = true;
        remove_header(filter->envoy, kind, headers[i].name);
        size_t before = count; /* the others move: all that have its name are gone */
        count = abi_http_headers_size(filter->envoy, kind);
        if (count > before || !count || !abi_http_headers(filter->envoy, kind, headers)) break;
        i = count < before ? 0 : i + 1; /* so that it ends, whatever Envoy does */
    }
    if (headers != few) free(headers);
    return any;
}

/* A request of ours must meet a cluster with the bridge: elsewhere it would leave as HTTP. No cluster at all is the
 * router's business. */
static int check_cluster(struct http_filter *filter) {
    bool marked;
    if (!abi_http_cluster(filter->envoy, &marked) || marked) return ABI_CONTINUE;
    abi_http_answer(filter->envoy, 404, TEXT("metaprotocol_no_bridge"));
    return ABI_STOP;
}

struct request *admission_find_admitted(struct http_filter *filter) {
    struct text reference;
    if (!abi_http_state(filter->envoy, REFERENCE, &reference)) return NULL;
    struct request *request = request_find(reference);
    return request && request->state == ADMITTED ? request : NULL;
}

struct request *admission_find_registered(struct http_filter *filter) {
    struct text token;
    size_t values = 0;
    uint64_t connection = 0;
    if (!abi_http_header(filter->envoy, ABI_REQUEST_HEADERS, HEADER_TOKEN, &token, &values) || values != 1) return NULL;
    if (!abi_http_number(filter->envoy, ABI_CONNECTION_ID, &connection)) return NULL;
    struct request *request = request_find(token);
    bool ours = request && request->connection && request->connection_id == connection && request->state == REGISTERED;
    return ours ? request : NULL;
}

/* ---- the filter `admission` */

/* From here on no header leads to the request: a header leaves to every cluster, and filter state to none. */
static void refer(struct http_filter *filter, struct request *request) {
    char reference[TOKEN_SIZE];
    request_admit(request);
    request_write_token(request, reference);
    abi_http_set_state(filter->envoy, REFERENCE, (struct text){reference, sizeof reference});
    abi_http_remove_header(filter->envoy, ABI_REQUEST_HEADERS, HEADER_TOKEN);
}

int admission_request(struct http_filter *filter) {
    struct request *request = admission_find_admitted(filter); /* by a filter `admission` before this one */
    if (request) {
        filter->request = request_keep(request);
        return check_cluster(filter);
    }
    request = admission_find_registered(filter);
    if (!request) {
        if (strip(filter, ABI_REQUEST_HEADERS)) abi_http_count(filter->envoy, filter->config->forged, 1);
        return ABI_CONTINUE;
    }
    if (request->keeps_alive) {
        request->state = ENDED;
        abi_http_answer(filter->envoy, 204, TEXT("metaprotocol_heartbeat"));
        return ABI_STOP;
    }
    filter->request = request_keep(request);
    refer(filter, request);
    return check_cluster(filter);
}

/* Keep the ids by which an access log and a trace know the request. */
static void keep_ids(struct http_filter *filter, struct request *request) {
    struct text id, trace;
    size_t values = 0;
    int size = 0;
    if (abi_http_header(filter->envoy, ABI_REQUEST_HEADERS, TEXT("x-request-id"), &id, &values) && values) {
        size = snprintf(request->ids, sizeof request->ids, "request %.*s", (int)(id.size < 48 ? id.size : 48), id.data);
    }
    if (abi_http_trace(filter->envoy, &trace)) {
        snprintf(request->ids + size, sizeof request->ids - (size_t)size, "%strace %.*s", size ? ", " : "",
                 (int)(trace.size < 32 ? trace.size : 32), trace.data);
    }
    for (char *byte = request->ids; *byte; byte++) {
        if (*byte < ' ' || *byte > '~') *byte = '?'; /* a filter has set the header to what is not an id */
    }
}

static bool is_failure(const struct request *request) {
    if (!text_begins((struct text){request->details, strlen(request->details)}, TEXT("via_upstream"))) return true;
    for (const struct reply *reply = request->replies; reply; reply = reply->next) {
        if (reply->is_error) return true;
    }
    return false;
}

void admission_read_details(struct http_filter *filter) {
    struct request *request = filter->request;
    struct text details;
    if (!abi_http_text(filter->envoy, ABI_RESPONSE_CODE_DETAILS, &details)) return;
    size_t size = details.size < sizeof request->details ? details.size : sizeof request->details - 1;
    memcpy(request->details, details.data, size);
    request->details[size] = 0;
}

int admission_response(struct http_filter *filter) {
    if (filter->request) {
        admission_read_details(filter);
        if (is_failure(filter->request)) keep_ids(filter, filter->request);
        return ABI_CONTINUE;
    }
    struct text value;
    size_t values = 0;
    if (abi_http_header(filter->envoy, ABI_RESPONSE_HEADERS, HEADER_REPLY, &value, &values) && values) {
        strip(filter, ABI_RESPONSE_HEADERS);
    }
    return ABI_CONTINUE;
}

/* ---- the filter `attempt`, of a cluster */

/* The request that the router has just sent to its cluster. It sends the mirrors in the same call, and they have neither
 * its filter state nor a connection; so this is forgotten when the call is over. */
static __thread struct request *passing;

void http_filter_passed(void) {
    request_release(passing);
    passing = NULL;
}

static void pass(struct request *request) {
    if (!request->connection) return; /* an attempt after the first: the client has gone */
    request_keep(request);
    http_filter_passed();
    passing = request;
    codec_filter_wake(request->connection);
}

static bool is_mirror_of(struct http_filter *filter, const struct request *request) {
    struct text path;
    size_t values = 0;
    uint64_t connection;
    return request && !abi_http_number(filter->envoy, ABI_CONNECTION_ID, &connection) &&
           abi_http_header(filter->envoy, ABI_REQUEST_HEADERS, TEXT(":path"), &path, &values) &&
           text_is(path, request->path);
}

/* Let the bridge find the request. The headers themselves are not believed: anybody could have written them. */
int attempt_request(struct http_filter *filter) {
    struct request *request = admission_find_admitted(filter);
    if (request) pass(request);
    else if (is_mirror_of(filter, passing)) request = passing;
    else return abi_http_remove_header(filter->envoy, ABI_REQUEST_HEADERS, HEADER_TOKEN), ABI_CONTINUE;
    char reference[TOKEN_SIZE];
    request_write_token(request, reference);
    abi_http_set_header(filter->envoy, ABI_REQUEST_HEADERS, HEADER_TOKEN, (struct text){reference, sizeof reference});
    return ABI_CONTINUE;
}
