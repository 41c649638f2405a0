/* The life of a client's connection: it comes, is held back, written to, woken and ends. Reads the HTTP/2 that the HTTP
 * connection manager writes, and no byte of the client's. */
#include "codec_filter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "bridge.h"
#include "codec_config.h"
#include "exchange.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

enum { STREAMS_AT_MOST = 1 << 30 };

static _Atomic long silent_connections; /* of the process */

void codec_filter_count(struct codec_filter *filter, long counter) {
    if (counter >= 0 && (size_t)counter < filter->config->counters_count) {
        abi_network_count(filter->envoy, filter->config->counters[counter], 1);
    }
}

void codec_filter_wake(struct codec_filter *filter) { exchange_post(filter); }

/* ---- birth and death */

void *codec_filter_new(void *config, void *envoy) {
    struct codec_filter *filter = calloc(1, sizeof *filter);
    if (!filter) return NULL;
    filter->config = codec_config_keep(config);
    filter->envoy = envoy;
    filter->next_id = 1;
    filter->max_streams = STREAMS_AT_MOST;
    filter->window = filter->initial_window = HTTP2_DEFAULT_WINDOW;
    filter->out = buffer_new(EXCHANGE_OUT_LIMIT);
    filter->rest = buffer_new(EXCHANGE_OUT_LIMIT);
    filter->reader = http2_reader_new();
    python_enter();
    void *connect = python_embedded("connect");
    filter->connection = connect ? python_call(connect, filter->config->service, NULL, NULL) : NULL;
    Py_DecRef(connect);
    /* A codec that fails here is counted when the client has connected: Envoy takes no filter for its own bug. */
    filter->late = !filter->connection && python_was_late();
    if (filter->connection && PyObject_IsTrue(filter->connection)) {
        filter->feed = PyObject_GetAttrString(filter->connection, "feed");
    }
    python_report();
    python_leave();
    filter->scheduler = abi_network_scheduler_new(envoy);
    if (filter->scheduler) return filter;
    codec_filter_free(filter);
    return NULL;
}

void codec_filter_heard(struct codec_filter *filter) {
    if (filter->silent) atomic_fetch_sub(&silent_connections, 1);
    filter->silent = false;
}

void codec_filter_closed(void *object) {
    struct codec_filter *filter = object;
    if (filter->closed) return;
    filter->closed = true;
    http_filter_passed(); /* codec_filter_scheduled will not be called */
    codec_filter_heard(filter);
    if (filter->streams) {
        python_enter();
        Py_DecRef(python_call_method(filter->connection, "close", NULL, NULL));
        python_leave();
    }
    while (filter->held_first) codec_filter_unhold(filter, filter->held_first);
    while (filter->lingering) exchange_end_lingering(filter, filter->lingering);
    for (struct exchange *exchange = filter->first, *after; exchange; exchange = after) {
        after = exchange->after;
        exchange_free(exchange);
    }
    for (struct exchange *exchange = filter->ready, *after; exchange; exchange = after) {
        after = exchange->after;
        exchange_free(exchange);
    }
    if (filter->in_flight) abi_network_gauge_add(filter->envoy, filter->config->in_flight, -(int64_t)filter->in_flight);
    filter->first = filter->newest = filter->unsent = filter->ready = filter->ready_last = NULL;
    memset(filter->buckets, 0, sizeof filter->buckets);
}

void codec_filter_free(void *object) {
    struct codec_filter *filter = object;
    codec_filter_closed(filter);
    if (filter->scheduler) abi_network_scheduler_delete(filter->scheduler);
    request_release(filter->heartbeat);
    intake_free(&filter->intake);
    python_drop_later(filter->feed);
    python_drop_bytes(filter->connection, filter->kept);
    requests_add_bytes(-(int64_t)filter->kept);
    http2_reader_free(&filter->reader);
    buffer_free(&filter->out);
    buffer_free(&filter->rest);
    codec_config_release(filter->config);
    free(filter);
}

int codec_filter_connected(void *object) {
    struct codec_filter *filter = object;
    filter->connection_id = abi_network_connection_id(filter->envoy);
    filter->silent = true;
    if (!filter->feed) {
        atomic_fetch_add(&silent_connections, 1);
        codec_filter_count(filter, filter->late ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
        abi_network_close(filter->envoy, false, "metaprotocol_codec_failed");
        return ABI_STOP;
    }
    if (atomic_fetch_add(&silent_connections, 1) >= filter->config->max_silent) {
        codec_filter_count(filter, COUNT_SILENT_OVER_LIMIT);
        abi_network_close(filter->envoy, false, "metaprotocol_too_many_silent");
        return ABI_STOP;
    }
    abi_network_enable_half_close(filter->envoy, true); /* a client that has said all still waits for answers */
    return ABI_CONTINUE;
}

/* ---- back-pressure */

void codec_filter_watermark(void *object, bool above) {
    struct codec_filter *filter = object;
    filter->above = above;
    if (!above) exchange_post(filter);
    exchange_update_pause(filter);
}

bool codec_filter_hold(struct codec_filter *filter, struct bridge *bridge) {
    if (!filter->above && !filter->held_first) return false;
    bridge->held_by = filter;
    bridge->held_before = filter->held_last;
    if (filter->held_last) filter->held_last->held_after = bridge;
    else filter->held_first = bridge;
    filter->held_last = bridge;
    return true;
}

void codec_filter_unhold(struct codec_filter *filter, struct bridge *bridge) {
    if (bridge->held_before) bridge->held_before->held_after = bridge->held_after;
    else filter->held_first = bridge->held_after;
    if (bridge->held_after) bridge->held_after->held_before = bridge->held_before;
    else filter->held_last = bridge->held_before;
    bridge->held_by = NULL;
    bridge->held_before = bridge->held_after = NULL;
}

/* ---- HTTP/2 of the HTTP connection manager */

static void fail(struct codec_filter *filter, const char *reason) {
    if (filter->closed) return;
    filter->closing = true;
    abi_network_close(filter->envoy, true, reason);
}

int codec_filter_write(void *object, size_t size, bool end) {
    struct codec_filter *filter = object;
    if (filter->passes || filter->closed) return ABI_CONTINUE;
    struct chunks chunks;
    if (!abi_network_write_chunks(filter->envoy, &chunks)) return fail(filter, "metaprotocol_no_memory"), ABI_STOP;
    bool good = true;
    size_t answers = filter->out.size;
    for (size_t i = 0; i < chunks.count && good; i++) {
        good = http2_read(&filter->reader, (const uint8_t *)chunks.at[i].data, chunks.at[i].size, &ANSWER_EVENTS, filter,
                          &filter->out);
    }
    chunks_free(&chunks);
    abi_network_drain_write(filter->envoy, size);
    if (!good) return fail(filter, "metaprotocol_http2_error"), ABI_STOP;
    if (filter->out.size > answers) exchange_post(filter);
    exchange_flush(filter, true);
    (void)end;
    return ABI_CONTINUE;
}

/* ---- later, on the worker */

/* Closing would reset the server's connection in the middle of a message. */
static bool is_writing(const struct codec_filter *filter) {
    for (struct exchange *exchange = filter->lingering; exchange; exchange = exchange->after) {
        if (exchange->unwritten) return true;
    }
    return false;
}

static bool idle(struct codec_filter *filter) {
    if (filter->first) return false;
    if (filter->last || filter->half_closed) return true;
    if (!filter->draining || filter->rest.size) return false;
    return !filter->kept && !filter->intake.bytes;
}

void codec_filter_scheduled(void *object) {
    struct codec_filter *filter = object;
    filter->posted = false;
    http_filter_passed();
    if (filter->closed) return;
    if ((filter->closing || idle(filter)) && !is_writing(filter)) {
        filter->closing = true;
        abi_network_close(filter->envoy, true, filter->draining ? "metaprotocol_drained" : "metaprotocol_answered");
        return;
    }
    while (filter->held_first && !filter->above) {
        struct bridge *bridge = filter->held_first;
        codec_filter_unhold(filter, bridge);
        bridge_continue(bridge);
        if (filter->closed) return;
    }
    exchange_update_pause(filter);
    if (filter->rest.size) client_read_rest(filter);
    if (!filter->closed) client_flush_out(filter);
}
