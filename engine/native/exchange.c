/* The exchanges of a client's connection, on their way to Envoy and back. Writes HTTP/2 for Envoy, and messages for the
 * client as they are. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>

#include "abi.h"
#include "codec_config.h"
#include "hpack.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

enum { TAKEN_AT_ONCE = 16 * 1024 }; /* the least that a new socket of Linux buffers, tcp_wmem's default */

void exchange_post(struct codec_filter *filter) {
    if (filter->posted || filter->closed) return;
    filter->posted = true;
    abi_network_scheduler_commit(filter->scheduler, 0);
}

void exchange_update_pause(struct codec_filter *filter) {
    /* Only a connection that waits for something is told when the process has room again. */
    bool waits = filter->held > (size_t)filter->config->max_held || requests_over_limit();
    bool pause = filter->above || (exchange_waiting(filter) && waits);
    if (pause == filter->paused || filter->closed) return;
    filter->paused = pause;
    abi_network_read_disable(filter->envoy, pause);
    if (!pause && filter->rest.size) exchange_post(filter); /* Envoy says an end once only, and nothing after it */
}

/* ---- which there are */

void exchange_free(struct exchange *exchange) {
    python_drop_bytes(exchange->holder, exchange->answer.size);
    if (exchange->request) request_end(exchange->request);
    free(exchange);
}

struct exchange *exchange_add(struct codec_filter *filter, struct request *request) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) return NULL;
    exchange->request = request;
    exchange->before = filter->newest;
    if (filter->newest) filter->newest->after = exchange;
    else filter->first = exchange;
    filter->newest = exchange;
    return exchange;
}

struct exchange *exchange_of(struct codec_filter *filter, const struct request *request) {
    struct exchange *exchange = filter->first;
    while (exchange && exchange->request != request) exchange = exchange->after;
    return exchange;
}

struct exchange *exchange_find(struct codec_filter *filter, uint32_t id) {
    struct exchange *exchange = filter->buckets[id / 2 % EXCHANGE_BUCKETS];
    while (exchange && exchange->id != id) exchange = exchange->chain;
    return exchange;
}

void exchange_forget_id(struct codec_filter *filter, struct exchange *exchange) {
    struct exchange **at = &filter->buckets[exchange->id / 2 % EXCHANGE_BUCKETS];
    while (*at && *at != exchange) at = &(*at)->chain;
    if (*at) *at = exchange->chain;
    exchange->id = 0;
}

static void know_id(struct codec_filter *filter, struct exchange *exchange, uint32_t id) {
    exchange->id = id;
    exchange->chain = filter->buckets[id / 2 % EXCHANGE_BUCKETS];
    filter->buckets[id / 2 % EXCHANGE_BUCKETS] = exchange;
}

size_t exchange_waiting(const struct codec_filter *filter) { return filter->in_flight - filter->lingering_count; }

void exchange_linger(struct codec_filter *filter, struct exchange *exchange) {
    uint32_t id = exchange->id;
    exchange_forget_id(filter, exchange);
    struct exchange *lingering = calloc(1, sizeof *lingering);
    if (!lingering) {
        http2_write_reset(&filter->out, id, HTTP2_CANCEL);
        return exchange_post(filter);
    }
    know_id(filter, lingering, id);
    lingering->unwritten = exchange->request->message.size + exchange->forwarded > TAKEN_AT_ONCE;
    lingering->before = filter->lingering_newest;
    if (filter->lingering_newest) filter->lingering_newest->after = lingering;
    else filter->lingering = lingering;
    filter->lingering_newest = lingering;
    filter->lingering_count++;
    filter->in_flight++;
    abi_network_gauge_add(filter->envoy, filter->config->in_flight, 1);
}

void exchange_end_lingering(struct codec_filter *filter, struct exchange *exchange) {
    exchange_forget_id(filter, exchange);
    if (exchange->before) exchange->before->after = exchange->after;
    else filter->lingering = exchange->after;
    if (exchange->after) exchange->after->before = exchange->before;
    else filter->lingering_newest = exchange->before;
    filter->lingering_count--;
    filter->in_flight--;
    abi_network_gauge_add(filter->envoy, filter->config->in_flight, -1);
    exchange_free(exchange);
}

void exchange_reset_lingering(struct codec_filter *filter) {
    if (!filter->lingering) return;
    http2_write_reset(&filter->out, filter->lingering->id, HTTP2_CANCEL); /* and with it the server's connection */
    exchange_end_lingering(filter, filter->lingering);
    exchange_post(filter);
}

static void make_ready(struct codec_filter *filter, struct exchange *exchange) {
    if (exchange->before) exchange->before->after = exchange->after;
    else filter->first = exchange->after;
    if (exchange->after) exchange->after->before = exchange->before;
    else filter->newest = exchange->before;
    if (filter->ready_last) filter->ready_last->after = exchange;
    else filter->ready = exchange;
    filter->ready_last = exchange;
    exchange->before = exchange->after = NULL;
}

/* ---- on their way to Envoy */

bool exchange_send(struct codec_filter *filter, struct exchange *exchange) {
    struct request *request = exchange->request;
    if (!filter->begun) {
        filter->begun = true;
        http2_write_preface(&filter->out);
    }
    char token[TOKEN_SIZE];
    request_write_token(request, token);
    static __thread struct buffer block;
    if (!block.limit) block = buffer_new(HTTP2_MAX_HEADER_BLOCK);
    buffer_clear(&block);
    hpack_write_indexed(&block, HPACK_METHOD_POST);
    hpack_write_indexed(&block, HPACK_SCHEME_HTTP);
    hpack_write_value(&block, HPACK_AUTHORITY, request->authority);
    hpack_write_value(&block, HPACK_PATH, request->path);
    hpack_write_header(&block, HEADER_TOKEN, (struct text){token, sizeof token});
    for (size_t i = 0; i < request->own_count + request->count; i++) {
        hpack_write_header(&block, request->headers[i].name, request->headers[i].value);
    }
    if (block.failed) return false; /* Envoy would judge it without the headers that have no room */
    know_id(filter, exchange, filter->next_id);
    filter->next_id += 2;
    http2_write_headers(&filter->out, exchange->id, block.data, block.size, !request->is_stream);
    exchange->window = filter->initial_window;
    if (filter->next_id > EXCHANGE_LAST_ID) filter->last = true;
    return true;
}

void exchange_send_or_refuse(struct codec_filter *filter, struct exchange *exchange) {
    if (exchange_send(filter, exchange)) return;
    codec_filter_count(filter, COUNT_HEADERS_OVER_LIMIT);
    snprintf(exchange->request->details, sizeof exchange->request->details, "metaprotocol_headers_over_limit");
    answer_end(filter, exchange, true);
}

/* The next request leaves, where they leave one by one. One that is refused at once brings us here again, inside
 * `exchange_send_or_refuse`; thousands in a row must not nest. (The Python half's limits leave room for all headers of a
 * request, so that only a lack of memory refuses one here.) */
static void send_next(struct codec_filter *filter) {
    filter->next_may_leave = true;
    if (filter->sending) return;
    filter->sending = true;
    while (filter->next_may_leave && filter->unsent) {
        struct exchange *exchange = filter->unsent;
        do filter->unsent = filter->unsent->after;
        while (filter->unsent && !filter->unsent->request);
        filter->next_may_leave = false;
        exchange_send_or_refuse(filter, exchange);
        exchange_post(filter);
    }
    filter->sending = false;
}

/* ---- on their way to the client */

void exchange_push(struct codec_filter *filter, void *holder, struct text bytes) {
    struct exchange *ready = calloc(1, sizeof *ready);
    if (!ready) { /* without this message the others would say something else */
        python_drop_later(holder);
        codec_filter_count(filter, COUNT_IN_FLIGHT_OVER_LIMIT);
        filter->closing = true;
        return exchange_post(filter);
    }
    ready->holder = holder;
    ready->answer = bytes;
    if (filter->ready_last) filter->ready_last->after = ready;
    else filter->ready = ready;
    filter->ready_last = ready;
}

void exchange_finish(struct codec_filter *filter, struct exchange *exchange) {
    exchange->done = true;
    if (exchange->request) {
        if (exchange->id) exchange_forget_id(filter, exchange);
        filter->in_flight--;
        filter->held -= exchange->request->message.size;
        abi_network_gauge_add(filter->envoy, filter->config->in_flight, -1);
        request_end(exchange->request);
        exchange->request = NULL;
        if (filter->config->one_by_one) send_next(filter);
    }
    if (!filter->config->in_order) {
        make_ready(filter, exchange);
        return;
    }
    while (filter->first && filter->first->done) make_ready(filter, filter->first);
}

void exchange_flush(struct codec_filter *filter, bool in_write) {
    while (filter->ready && !filter->closing && !filter->closed) {
        struct exchange *exchange = filter->ready;
        filter->ready = exchange->after;
        if (!filter->ready) filter->ready_last = NULL;
        if (exchange->answer.size) {
            if (in_write) abi_network_append_write(filter->envoy, exchange->answer.data, exchange->answer.size);
            else abi_network_inject_write(filter->envoy, exchange->answer.data, exchange->answer.size, false);
        }
        if (exchange->ends) filter->closing = true;
        exchange_free(exchange);
    }
    if (filter->closing || (!filter->first && (filter->last || filter->half_closed || filter->draining))) exchange_post(filter);
    exchange_update_pause(filter);
}
