/* HTTP filters of the module. */
#include "http_filter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "codec_config.h"
#include "codec_filter.h"
#include "python.h"
#include "request.h"

enum { FEW_HEADERS = 64 };

static const struct text OWN_HEADERS = {"x-metaprotocol-", 15};
static const struct text REFERENCE = {"metaprotocol.request", 20}; /* in the stream's filter state */

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

static bool load_python(struct http_config *config, struct text text) {
    const char *error = python_start(text);
    if (error) return abi_log_error(error), false;
    python_enter();
    void *load = python_embedded("load_filter"), *argument = PyUnicode_FromStringAndSize(text.data, (ssize_t)text.size);
    config->runner = load && argument ? PyObject_CallFunctionObjArgs(load, argument, NULL) : NULL;
    Py_DecRef(load);
    Py_DecRef(argument);
    python_report();
    python_leave();
    return config->runner;
}

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
    if (text_is(name, TEXT("python")) && load_python(config, text)) {
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

/* The request of ours that was admitted on this stream, or that this stream is an attempt or a mirror of. */
static struct request *find_admitted(struct http_filter *filter) {
    struct text reference;
    if (!abi_http_state(filter->envoy, REFERENCE, &reference)) return NULL;
    struct request *request = request_find(reference);
    return request && request->state == ADMITTED ? request : NULL;
}

/* The request of ours that this stream brings, if it was registered on this connection and not admitted yet. */
static struct request *find_registered(struct http_filter *filter) {
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

static int admit(struct http_filter *filter) {
    struct request *request = find_admitted(filter); /* by a filter `admission` before this one */
    if (request) {
        filter->request = request_keep(request);
        return check_cluster(filter);
    }
    request = find_registered(filter);
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

static int remember_cause(struct http_filter *filter) {
    struct request *request = filter->request;
    if (!request) {
        struct text value;
        size_t values = 0;
        if (abi_http_header(filter->envoy, ABI_RESPONSE_HEADERS, HEADER_REPLY, &value, &values) && values) {
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
static int attempt(struct http_filter *filter) {
    struct request *request = find_admitted(filter);
    if (request) pass(request);
    else if (is_mirror_of(filter, passing)) request = passing;
    else return abi_http_remove_header(filter->envoy, ABI_REQUEST_HEADERS, HEADER_TOKEN), ABI_CONTINUE;
    char reference[TOKEN_SIZE];
    request_write_token(request, reference);
    abi_http_set_header(filter->envoy, ABI_REQUEST_HEADERS, HEADER_TOKEN, (struct text){reference, sizeof reference});
    return ABI_CONTINUE;
}

/* ---- the filter `python` */

enum outcome { GO, STOP, FAIL }; /* of metaprotocol_envoy.filters */

/* The fields of the Context; NULL without memory. */
static void *make_context(void *envoy) {
    static const enum abi_attribute attributes[] = {ABI_SOURCE_ADDRESS, ABI_URI_SAN_PEER, ABI_SERVER_NAME,
                                                    ABI_DESTINATION_ADDRESS, ABI_ROUTE_NAME};
    enum { COUNT = sizeof attributes / sizeof *attributes };
    void *context = PyTuple_New(COUNT);
    for (size_t i = 0; context && i < COUNT; i++) {
        struct text text = {"", 0};
        if (!abi_http_text(envoy, attributes[i], &text)) text = TEXT("");
        void *value = PyUnicode_FromStringAndSize(text.data, (ssize_t)text.size);
        if (!value) { /* it is not UTF-8 */
            PyErr_Clear();
            value = PyUnicode_FromStringAndSize("", 0);
        }
        if (!value) return python_report(), Py_DecRef(context), NULL;
        PyTuple_SetItem(context, (ssize_t)i, value);
    }
    return context;
}

static void *headers_tuple(void *envoy, enum abi_headers kind) {
    struct header few[FEW_HEADERS], *headers = few;
    size_t count = abi_http_headers_size(envoy, kind);
    if (count > FEW_HEADERS && !(headers = malloc(count * sizeof *headers))) return NULL;
    if (count && !abi_http_headers(envoy, kind, headers)) count = 0;
    void *tuple = python_headers(headers, count);
    if (headers != few) free(headers);
    return tuple;
}

/* Set and remove headers: names and values in turn, None to remove. */
static void apply(void *envoy, enum abi_headers kind, void *flat) {
    ssize_t size = PyTuple_Size(flat);
    for (ssize_t i = 0; i + 1 < size; i += 2) {
        struct text name = python_text(PyTuple_GetItem(flat, i));
        void *value = PyTuple_GetItem(flat, i + 1);
        if (PyObject_IsTrue(value) || python_is_text(value)) {
            abi_http_set_header(envoy, kind, name, python_text(value));
        } else {
            abi_http_remove_header(envoy, kind, name);
        }
    }
    if (size > 0 && kind == ABI_REQUEST_HEADERS) abi_http_clear_route(envoy);
}

static int run(struct http_filter *filter, const char *method, void *object, enum abi_headers kind) {
    enum outcome outcome = FAIL;
    char details[96] = "metaprotocol_filter_failed";
    python_enter();
    void *after = headers_tuple(filter->envoy, kind), *context = make_context(filter->envoy);
    void *function = PyObject_GetAttrString(filter->config->runner, method);
    bool ready = function && after && context;
    void *result = ready ? python_call(function, object, after, context) : NULL;
    size_t counter = ready && python_was_late() ? filter->config->deadlines : filter->config->exceptions;
    if (result) {
        outcome = (enum outcome)PyLong_AsLong(PyTuple_GetItem(result, 0));
        struct text text = python_text(PyTuple_GetItem(result, 1));
        if (outcome == STOP && text.size < sizeof details) {
            memcpy(details, text.data, text.size);
            details[text.size] = 0;
        }
        if (outcome == GO) apply(filter->envoy, kind, PyTuple_GetItem(result, 2));
    }
    Py_DecRef(result);
    Py_DecRef(function);
    Py_DecRef(after);
    Py_DecRef(context);
    python_report();
    python_leave();
    if (outcome == GO) return ABI_CONTINUE;
    if (outcome == FAIL) abi_http_count(filter->envoy, counter, 1);
    abi_http_answer(filter->envoy, outcome == FAIL ? 500 : 403, (struct text){details, strlen(details)});
    return ABI_STOP;
}

static int judge_request(struct http_filter *filter) {
    struct request *request = find_admitted(filter);
    if (!request) {
        if (!find_registered(filter)) return ABI_CONTINUE;
        /* Fail closed: the filter would never see a request. */
        static atomic_flag said = ATOMIC_FLAG_INIT;
        if (!atomic_flag_test_and_set(&said)) {
            abi_log_error("metaprotocol: a filter `python` stands before `admission`, after which it belongs");
        }
        abi_http_count(filter->envoy, filter->config->exceptions, 1);
        abi_http_answer(filter->envoy, 500, TEXT("metaprotocol_filter_before_admission"));
        return ABI_STOP;
    }
    filter->request = request_keep(request);
    return run(filter, "request", request->object, ABI_REQUEST_HEADERS);
}

static int judge_response(struct http_filter *filter) {
    struct text secret;
    size_t values = 0;
    if (!filter->request || !abi_http_header(filter->envoy, ABI_RESPONSE_HEADERS, HEADER_REPLY, &secret, &values)) {
        return ABI_CONTINUE;
    }
    struct reply *reply = values == 1 ? reply_find(filter->request, secret) : NULL;
    return reply && reply->object ? run(filter, "response", reply->object, ABI_RESPONSE_HEADERS) : ABI_CONTINUE;
}

/* ---- all */

int http_filter_request(void *object) {
    struct http_filter *filter = object;
    if (filter->config->kind == ATTEMPT) return attempt(filter);
    return filter->config->kind == ADMISSION ? admit(filter) : judge_request(filter);
}

int http_filter_response(void *object) {
    struct http_filter *filter = object;
    if (filter->config->kind == ATTEMPT) return ABI_CONTINUE;
    return filter->config->kind == ADMISSION ? remember_cause(filter) : judge_response(filter);
}
