/* HTTP filters of the module. */
#include "http_filter.h"

#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "codec_config.h"
#include "codec_filter.h"
#include "python.h"
#include "request.h"

enum { FEW_HEADERS = 64 };

static const struct text OWN_HEADERS = {"x-metaprotocol-", 15};

struct http_config {
    enum { ADMISSION, PYTHON } kind;
    size_t forged; /* counter */
};

struct http_filter {
    struct http_config *config;
    void *envoy;
    struct request *request; /* NULL: not one of ours */
};

void *http_config_new(void *envoy, struct text name, struct text text) {
    (void)text;
    struct http_config *config = calloc(1, sizeof *config);
    if (!config) return NULL;
    if (text_is(name, TEXT("admission"))) {
        config->kind = ADMISSION;
        config->forged = abi_http_define_counter(envoy, TEXT("metaprotocol.forged_requests"));
        return config;
    }
    abi_log_error("metaprotocol: there is no HTTP filter of this name; there are admission and python");
    free(config);
    return NULL;
}

void http_config_free(void *config) { free(config); }

void *http_filter_new(void *config, void *envoy) {
    struct http_filter *filter = calloc(1, sizeof *filter);
    if (!filter) return NULL;
    filter->config = config;
    filter->envoy = envoy;
    return filter;
}

void http_filter_free(void *object) {
    struct http_filter *filter = object;
    request_release(filter->request);
    free(filter);
}

void http_filter_complete(void *object) { (void)object; }

/* Take x-metaprotocol-* headers away; return true if there were any. */
static bool strip(struct http_filter *filter, enum abi_headers kind) {
    struct header few[FEW_HEADERS], *headers = few;
    size_t count = abi_http_headers_size(filter->envoy, kind);
    if (count > FEW_HEADERS && !(headers = malloc(count * sizeof *headers))) return false;
    bool any = false;
    if (count && abi_http_headers(filter->envoy, kind, headers)) {
        for (size_t i = 0; i < count; i++) {
            if (!text_begins(headers[i].name, OWN_HEADERS)) continue;
            char name[256]; /* removing a header ends the life of its name */
            size_t size = headers[i].name.size < sizeof name ? headers[i].name.size : sizeof name;
            memcpy(name, headers[i].name.data, size);
            any = true;
            abi_http_remove_header(filter->envoy, kind, (struct text){name, size});
            count = abi_http_headers_size(filter->envoy, kind); /* the others have moved */
            if (!count || !abi_http_headers(filter->envoy, kind, headers)) break;
            i = (size_t)-1;
        }
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

int http_filter_request(void *object) {
    struct http_filter *filter = object;
    struct text token;
    size_t values = 0;
    uint64_t connection = 0;
    if (abi_http_header(filter->envoy, ABI_REQUEST_HEADERS, HEADER_TOKEN, &token, &values) && values == 1 &&
        abi_http_number(filter->envoy, ABI_CONNECTION_ID, &connection)) {
        struct request *request = request_find(token);
        if (request && request->connection && request->connection_id == connection && request->state != ENDED) {
            filter->request = request_keep(request);
            if (request->state == REGISTERED) {
                char reference[TOKEN_SIZE];
                request_admit(request);
                request_write_token(request, reference);
                abi_http_set_header(filter->envoy, ABI_REQUEST_HEADERS, HEADER_TOKEN,
                                    (struct text){reference, sizeof reference});
            }
            return check_cluster(filter);
        }
    }
    if (strip(filter, ABI_REQUEST_HEADERS)) abi_http_count(filter->envoy, filter->config->forged, 1);
    return ABI_CONTINUE;
}

int http_filter_response(void *object) {
    struct http_filter *filter = object;
    struct request *request = filter->request;
    if (!request) {
        struct text value;
        size_t values = 0;
        if (abi_http_header(filter->envoy, ABI_RESPONSE_HEADERS, HEADER_REPLY, &value, &values) && values) {
            if (text_is(value, REPLY_FORGED)) abi_http_count(filter->envoy, filter->config->forged, 1);
            strip(filter, ABI_RESPONSE_HEADERS);
        }
        return ABI_CONTINUE;
    }
    struct text details;
    if (abi_http_text(filter->envoy, ABI_RESPONSE_CODE_DETAILS, &details)) {
        size_t size = details.size < sizeof request->details ? details.size : sizeof request->details - 1;
        memcpy(request->details, details.data, size);
        request->details[size] = 0;
    }
    return ABI_CONTINUE;
}
