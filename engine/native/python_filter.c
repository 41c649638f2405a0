/* The filter `python`: a filter of the user's sees a request, or an answer, and may change its headers. Sets and removes the
 * headers that the Python half names, and no others. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

enum { FEW_HEADERS = 64 };

bool python_filter_load(struct http_config *config, struct text text) {
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

int python_filter_request(struct http_filter *filter) {
    struct request *request = admission_find_admitted(filter);
    if (!request) {
        if (!admission_find_registered(filter)) return ABI_CONTINUE;
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

int python_filter_response(struct http_filter *filter) {
    struct text secret;
    size_t values = 0;
    if (!filter->request || !abi_http_header(filter->envoy, ABI_RESPONSE_HEADERS, HEADER_REPLY, &secret, &values)) {
        return ABI_CONTINUE;
    }
    struct reply *reply = values == 1 ? reply_find(filter->request, secret) : NULL;
    return reply && reply->object ? run(filter, "response", reply->object, ABI_RESPONSE_HEADERS) : ABI_CONTINUE;
}
