/* What the HTTP filters have in common: their configurations, and the choice of the one by its name. Touches no header. */
#include "http_filter.h"

#include <stdlib.h>

#include "abi.h"
#include "python.h"
#include "request.h"

void *http_config_new(void *envoy, struct text name, struct text text) {
    struct http_config *config = calloc(1, sizeof *config);
    if (!config) return NULL;
    if (text_is(name, TEXT("admission"))) {
        config->kind = ADMISSION;
        config->forged = abi_http_define_counter(envoy, TEXT("metaprotocol.forged_requests"));
        return config;
    }
    if (text_is(name, TEXT("attempt"))) {
        config->kind = ATTEMPT;
        return config;
    }
    if (text_is(name, TEXT("python")) && python_filter_load(config, text)) {
        config->kind = PYTHON;
        config->exceptions = abi_http_define_counter(envoy, TEXT("metaprotocol.filter_exceptions"));
        config->deadlines = abi_http_define_counter(envoy, TEXT("metaprotocol.filter_deadlines"));
        return config;
    }
    abi_log_error(text_is(name, TEXT("python"))
                      ? "metaprotocol: the filter_config of a filter `python` cannot be used; the reason is above"
                      : "metaprotocol: there is no such HTTP filter; there are admission, attempt, and python with a filter_config");
    free(config);
    return NULL;
}

void http_config_free(void *object) {
    struct http_config *config = object;
    python_drop_later(config->runner);
    free(config);
}

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

int http_filter_request(void *object) {
    struct http_filter *filter = object;
    if (filter->config->kind == ATTEMPT) return attempt_request(filter);
    return filter->config->kind == ADMISSION ? admission_request(filter) : python_filter_request(filter);
}

int http_filter_response(void *object) {
    struct http_filter *filter = object;
    if (filter->config->kind == ATTEMPT) return ABI_CONTINUE;
    return filter->config->kind == ADMISSION ? admission_response(filter) : python_filter_response(filter);
}

void http_filter_complete(void *object) {
    struct http_filter *filter = object;
    if (filter->config->kind == ADMISSION && filter->request) admission_read_details(filter);
}
