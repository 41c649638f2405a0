/* Streams of the protocol: many messages in one exchange, on one connection to a server. Envoy learns the sizes of messages,
 * and nothing of their bytes. */
#include <stdio.h>
#include <stdlib.h>

#include "codec_config.h"
#include "exchange.h"
#include "python.h"
#include "request.h"

/* Tell Envoy the sizes of a stream's messages, as far as its windows allow; the bridge sends so much of them. */
static void stream_say(struct codec_filter *filter, struct exchange *exchange) {
    if (!exchange->id || !exchange->request || !exchange->request->is_stream) return;
    while (exchange->unsaid || exchange->last_said) {
        size_t part = exchange->unsaid;
        if (part > HTTP2_MAX_FRAME) part = HTTP2_MAX_FRAME;
        if ((int64_t)part > exchange->window) part = exchange->window > 0 ? (size_t)exchange->window : 0;
        if ((int64_t)part > filter->window) part = filter->window > 0 ? (size_t)filter->window : 0;
        if (exchange->unsaid && !part) return;
        exchange->unsaid -= part;
        exchange->window -= (int64_t)part;
        filter->window -= (int64_t)part;
        bool last = exchange->last_said && !exchange->unsaid;
        http2_write_zeros(&filter->out, exchange->id, part, last);
        if (last) exchange->last_said = false;
        exchange_post(filter);
    }
}

void stream_say_all(struct codec_filter *filter) {
    for (struct exchange *exchange = filter->first; exchange; exchange = exchange->after) stream_say(filter, exchange);
}

static void stream_push_messages(struct codec_filter *filter, struct exchange *exchange) {
    for (struct message *message; (message = messages_take(&exchange->request->to_client)); free(message)) {
        exchange_push(filter, message->holder, message->bytes);
    }
}

void codec_filter_stream_messages(struct codec_filter *filter, struct request *request) {
    struct exchange *exchange = exchange_of(filter, request);
    if (!exchange || !exchange->answered) return; /* the first answer is on its way through Envoy's filters */
    stream_push_messages(filter, exchange);
    exchange_flush(filter, false);
}

void codec_filter_stream_abandoned(struct codec_filter *filter, struct request *request) {
    struct exchange *exchange = exchange_of(filter, request);
    if (!exchange) return;
    exchange->answered = true; /* the client waits for nothing */
    exchange_linger(filter, exchange);
    exchange_finish(filter, exchange);
    exchange_flush(filter, false);
}

void codec_filter_stream_sent(struct codec_filter *filter, size_t size) {
    filter->held -= size;
    exchange_update_pause(filter);
}

/* The answer that opens a stream leaves at once; the stream goes on. */
void stream_open(struct codec_filter *filter, struct exchange *exchange) {
    exchange_push(filter, exchange->holder, exchange->answer);
    exchange->holder = NULL;
    exchange->answer = TEXT("");
    stream_push_messages(filter, exchange);
}

void codec_filter_broken(struct codec_filter *filter, struct request *request, const char *lost) {
    struct exchange *exchange = exchange_of(filter, request);
    if (!exchange) return;
    if (exchange->answered) stream_push_messages(filter, exchange);
    if (lost) snprintf(request->details, sizeof request->details, "%s", lost);
    http2_write_reset(&filter->out, exchange->id, HTTP2_CANCEL);
    exchange_post(filter);
    answer_end(filter, exchange, lost);
    exchange_flush(filter, false);
}

/* (STREAM, counter, request, message, half, all): the client's half of the stream, or all of it, ends after it. */
bool stream_forward(struct codec_filter *filter, void *step) {
    void *object = PyTuple_GetItem(step, 2);
    struct text bytes;
    if (!python_bytes(PyTuple_GetItem(step, 3), &bytes)) return false;
    bool half = PyLong_AsLong(PyTuple_GetItem(step, 4)), all = PyLong_AsLong(PyTuple_GetItem(step, 5));
    struct exchange *exchange = filter->first;
    while (exchange && (!exchange->request || exchange->request->object != object)) exchange = exchange->after;
    if (!exchange) return true; /* it has just ended */
    Py_IncRef(step);
    if (!messages_add(&exchange->request->to_server, step, bytes, all)) {
        codec_filter_count(filter, COUNT_IN_FLIGHT_OVER_LIMIT);
        return codec_filter_broken(filter, exchange->request, "metaprotocol_no_room"), true;
    }
    filter->held += bytes.size;
    exchange->unsaid += bytes.size;
    exchange->forwarded += bytes.size;
    exchange->last_said = half || all;
    if (all) exchange->request->abandoned = true;
    stream_say(filter, exchange);
    return true;
}
