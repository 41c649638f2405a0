/* The listener filter. */
#include "listener_filter.h"

#include <stdlib.h>

#include "abi.h"
#include "python.h"

enum { WANTED = 64 };
enum detection { FOREIGN, OURS, UNSURE }; /* of metaprotocol_envoy.detect */

struct listener_config {
    void *service;
};

struct listener_filter {
    struct listener_config *config;
    void *envoy;
};

void *listener_config_new(struct text text) {
    const char *error = python_start(text);
    if (error) return abi_log_error(error), NULL;
    struct listener_config *config = calloc(1, sizeof *config);
    if (!config) return NULL;
    python_enter();
    void *load = python_embedded("load"), *argument = PyUnicode_FromStringAndSize(text.data, (ssize_t)text.size);
    config->service = load && argument ? PyObject_CallFunctionObjArgs(load, argument, NULL) : NULL;
    Py_DecRef(load);
    Py_DecRef(argument);
    python_report();
    python_leave();
    if (config->service) return config;
    abi_log_error("metaprotocol: the listener filter's filter_config cannot be used; the reason is above");
    free(config);
    return NULL;
}

void listener_config_free(void *object) {
    struct listener_config *config = object;
    python_drop_later(config->service);
    free(config);
}

void *listener_filter_new(void *config, void *envoy) {
    struct listener_filter *filter = calloc(1, sizeof *filter);
    if (!filter) return NULL;
    filter->config = config;
    filter->envoy = envoy;
    return filter;
}

void listener_filter_free(void *filter) { free(filter); }

size_t listener_filter_wanted(void *filter) {
    (void)filter;
    return WANTED;
}

int listener_filter_data(void *object) {
    struct listener_filter *filter = object;
    struct text bytes;
    if (!abi_listener_bytes(filter->envoy, &bytes) || !bytes.size) return ABI_STOP;
    python_enter();
    void *head = PyBytes_FromStringAndSize(bytes.data, (ssize_t)bytes.size);
    void *verdict = python_call_method(filter->config->service, "detect", head, NULL);
    long detection = verdict ? PyLong_AsLong(verdict) : FOREIGN;
    Py_DecRef(verdict);
    Py_DecRef(head);
    python_report();
    python_leave();
    if (detection == UNSURE && bytes.size < WANTED) return ABI_STOP;
    if (detection == OURS) abi_listener_set_application_protocol(filter->envoy, TEXT("h2c"));
    return ABI_CONTINUE;
}
