/* What all connections of one codec filter share. */
#include "codec_config.h"

#include <pthread.h>
#include <stdlib.h>

#include "abi.h"
#include "codec_filter.h"
#include "guard.h"
#include "python.h"
#include "request.h"

struct codec_config *codec_config_keep(struct codec_config *config) {
    atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
    return config;
}

void codec_config_release(struct codec_config *config) {
    if (atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) != 1) return;
    python_drop_later(config->service);
    python_drop_later(config->facts);
    free(config->request_rules.names);
    free(config->response_rules.names);
    free(config->counters);
    free(config);
}

/* ---- those that Envoy has, on any thread */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct codec_config *all;

static void add(struct codec_config *config, void *envoy) {
    pthread_mutex_lock(&lock);
    config->envoy = envoy;
    config->next = all;
    all = config;
    pthread_mutex_unlock(&lock);
}

void codec_config_free(void *object) {
    struct codec_config *config = object, **at = &all;
    pthread_mutex_lock(&lock);
    while (*at && *at != config) at = &(*at)->next;
    if (*at) *at = config->next;
    config->envoy = NULL;
    pthread_mutex_unlock(&lock);
    codec_config_release(config);
}

void codec_config_count(enum counter counter) {
    pthread_mutex_lock(&lock);
    if (all && (size_t)counter < all->counters_count) abi_network_config_count(all->envoy, all->counters[counter], 1);
    pthread_mutex_unlock(&lock);
}

/* ---- made of Python's half */

static long number(void *facts, ssize_t at) { return PyLong_AsLong(PyTuple_GetItem(facts, at)); }

/* Two tuples of names, of which the second is of beginnings. */
static bool read_rules(struct header_rules *rules, void *names, void *beginnings) {
    size_t first = (size_t)PyTuple_Size(names), second = (size_t)PyTuple_Size(beginnings);
    if (!(rules->names = calloc(first + second + 1, sizeof *rules->names))) return false;
    rules->beginnings = rules->names + first;
    rules->names_count = first;
    rules->beginnings_count = second;
    for (size_t i = 0; i < first; i++) rules->names[i] = python_text(PyTuple_GetItem(names, (ssize_t)i));
    for (size_t i = 0; i < second; i++) rules->beginnings[i] = python_text(PyTuple_GetItem(beginnings, (ssize_t)i));
    return true;
}

static bool define_statistics(struct codec_config *config, void *envoy, void *names, void *gauge) {
    config->counters_count = (size_t)PyTuple_Size(names);
    if (!(config->counters = calloc(config->counters_count + 1, sizeof *config->counters))) return false;
    for (size_t i = 0; i < config->counters_count; i++) {
        config->counters[i] = abi_network_define_counter(envoy, python_text(PyTuple_GetItem(names, (ssize_t)i)));
    }
    config->in_flight = abi_network_define_gauge(envoy, python_text(gauge));
    return true;
}

/* embed.start says what the facts are, in this order. */
static bool read_facts(struct codec_config *config, void *envoy, void *facts) {
    config->facts = facts;
    config->service = PyTuple_GetItem(facts, 0);
    Py_IncRef(config->service);
    config->in_order = number(facts, 1);
    config->one_by_one = number(facts, 2);
    config->foreign = number(facts, 3);
    config->max_in_flight = number(facts, 4);
    config->max_held = number(facts, 5);
    requests_set_limits((uint64_t)number(facts, 6), (uint64_t)number(facts, 7));
    config->max_silent = number(facts, 8);
    guard_set_deadline((uint64_t)number(facts, 9));
    return read_rules(&config->request_rules, PyTuple_GetItem(facts, 10), PyTuple_GetItem(facts, 11)) &&
           read_rules(&config->response_rules, PyTuple_GetItem(facts, 12), PyTuple_GetItem(facts, 13)) &&
           define_statistics(config, envoy, PyTuple_GetItem(facts, 14), PyTuple_GetItem(facts, 15));
}

void *codec_config_new(void *envoy, struct text text) {
    const char *error = python_start(text);
    if (error) return abi_log_error(error), NULL;
    struct codec_config *config = calloc(1, sizeof *config);
    if (!config) return NULL;
    atomic_store(&config->references, 1);
    python_enter();
    void *start = python_embedded("start"), *argument = PyUnicode_FromStringAndSize(text.data, (ssize_t)text.size);
    /* Not under the guard: a codec may take its time to load. */
    void *facts = start && argument ? PyObject_CallFunctionObjArgs(start, argument, NULL) : NULL;
    Py_DecRef(start);
    Py_DecRef(argument);
    bool good = facts && read_facts(config, envoy, facts) && !PyErr_Occurred();
    python_report();
    python_leave();
    if (good) return add(config, envoy), config;
    abi_log_error("metaprotocol: the filter_config cannot be used; the reason is above");
    codec_config_release(config);
    return NULL;
}
