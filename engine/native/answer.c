/* What comes from Envoy becomes messages: replies of servers, which the bridge registered, and Envoy's own. Reads Envoy's
 * HTTP/2, and hands on what the Python half has built. */
#include <stdio.h>
#include <string.h>

#include "codec_config.h"
#include "exchange.h"
#include "hpack.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

static __thread struct header_list list; /* of the response that is read */

/* ---- answers */

void answer_count_failure(struct codec_filter *filter) {
    codec_filter_count(filter, python_was_late() ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
}

/* Take over an Answer of the Python half: (counter, bytes, close). NULL: the codec failed. */
static void answer_set(struct codec_filter *filter, struct exchange *exchange, void *answer) {
    exchange->answered = true;
    exchange->holder = answer;
    if (!answer) {
        answer_count_failure(filter);
        exchange->ends = true;
        return;
    }
    codec_filter_count(filter, PyLong_AsLong(PyTuple_GetItem(answer, 0)));
    python_bytes(PyTuple_GetItem(answer, 1), &exchange->answer);
    exchange->ends = PyLong_AsLong(PyTuple_GetItem(answer, 2));
    python_report();
}

/* Envoy's own reply becomes the protocol's error. */
static void answer_locally(struct codec_filter *filter, struct exchange *exchange) {
    struct request *request = exchange->request;
    python_enter();
    void *status = PyLong_FromLong(exchange->status);
    char text[sizeof request->details + sizeof request->ids];
    int size = snprintf(text, sizeof text, "%s\n%s", request->details, request->ids);
    void *details = PyUnicode_FromStringAndSize(text, size);
    answer_set(filter, exchange, python_call_method(request->object, "local_reply", status, details));
    Py_DecRef(status);
    Py_DecRef(details);
    python_leave();
}

void answer_overflow(struct codec_filter *filter, struct exchange *exchange, void *object) {
    codec_filter_count(filter, COUNT_IN_FLIGHT_OVER_LIMIT);
    answer_set(filter, exchange, python_call_method(object, "overflow", NULL, NULL));
}

/* The reply of a server, which the bridge registered: the message, changed as its headers were. */
static void answer_with(struct codec_filter *filter, struct exchange *exchange, struct reply *reply) {
    const struct header *before = reply->headers + reply->own_count;
    bool same = headers_same(&filter->config->response_rules, before, reply->count - reply->own_count, list.headers,
                             list.count);
    if (reply->is_oneway) {
        exchange->answered = true;
    } else if (reply->is_error) {
        const struct request *request = exchange->request;
        python_enter();
        void *ids = PyUnicode_FromStringAndSize(request->ids, (ssize_t)strlen(request->ids));
        answer_set(filter, exchange, python_call_method(request->object, "answer", reply->result, ids));
        Py_DecRef(ids);
        python_leave();
    } else if (same && !reply->stateful) {
        exchange->answered = true;
        exchange->answer = reply->message;
        exchange->holder = reply->result; /* moved */
        reply->result = NULL;
    } else {
        python_enter();
        void *after = same ? NULL : python_headers(list.headers, list.count);
        const char *method = same ? "deliver" : "deliver_changed";
        answer_set(filter, exchange, same || after ? python_call_method(reply->object, method, after, NULL) : NULL);
        Py_DecRef(after);
        python_leave();
    }
}

/* ---- HTTP/2 from the HTTP connection manager */

static unsigned read_status(struct text value) {
    unsigned status = 0;
    for (size_t i = 0; i < value.size && i < 3; i++) status = status * 10 + (unsigned)(value.data[i] - '0');
    return status;
}

void answer_end(struct codec_filter *filter, struct exchange *exchange, bool lost) {
    struct request *request = exchange->request;
    if (!exchange->answered || (lost && request->is_stream && !request->abandoned)) answer_locally(filter, exchange);
    if (request->is_stream) {
        python_enter();
        Py_DecRef(python_call_method(request->object, "close_stream", NULL, NULL));
        python_leave();
        for (struct message *message = request->to_server.first; message; message = message->next) {
            filter->held -= message->bytes.size;
        }
    }
    exchange_finish(filter, exchange);
}

/* The exchange that waits for what Envoy says in a stream, if one does. `ends`: it is the last that Envoy says. */
static struct exchange *find_waiting(struct codec_filter *filter, uint32_t id, bool ends) {
    struct exchange *exchange = exchange_find(filter, id);
    if (!exchange || exchange->request) return exchange;
    if (ends) exchange_end_lingering(filter, exchange);
    return NULL;
}

static bool on_headers(void *object, uint32_t id, const uint8_t *data, size_t size, bool ends) {
    struct codec_filter *filter = object;
    struct exchange *exchange = find_waiting(filter, id, ends);
    if (!exchange) return true; /* it was answered before it ended */
    if (!list.text.limit) list = header_list_new();
    if (!hpack_read(data, size, &list)) return false;
    struct text secret = {0};
    unsigned status = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (text_is(list.headers[i].name, TEXT(":status"))) status = read_status(list.headers[i].value);
        else if (text_is(list.headers[i].name, HEADER_REPLY)) secret = list.headers[i].value;
    }
    if (status >= 100 && status < 200) return true;
    bool unclean = false;
    if (!exchange->status) { /* and not trailers */
        exchange->status = status;
        struct reply *reply = exchange->request->replies ? reply_find(exchange->request, secret) : NULL;
        if (reply) {
            unclean = reply->unclean;
            bool lingers = reply->is_oneway; /* its connection to the server closes when the server has read it */
            answer_with(filter, exchange, reply);
            if (unclean && !ends && lingers) {
                exchange_linger(filter, exchange);
            } else if (unclean && !ends) {
                http2_write_reset(&filter->out, id, HTTP2_CANCEL); /* and with it the server's connection */
                exchange_post(filter);
            }
        }
    }
    if (exchange->request->is_stream && exchange->answered && !ends && !unclean) stream_open(filter, exchange);
    if (ends || unclean) answer_end(filter, exchange, false);
    return true;
}

static bool on_data(void *object, uint32_t id, const uint8_t *data, size_t size, bool ends) {
    struct codec_filter *filter = object;
    struct exchange *exchange = find_waiting(filter, id, ends);
    (void)data;
    if (!exchange) return true;
    if (exchange->answered && size) { /* no reply of ours has a body, so a filter has given it one */
        codec_filter_count(filter, COUNT_BODIES_CHANGED);
        python_drop_later(exchange->holder);
        python_enter();
        answer_set(filter, exchange, python_call_method(exchange->request->object, "changed_body", NULL, NULL));
        python_leave();
        http2_write_reset(&filter->out, id, HTTP2_CANCEL);
        exchange_post(filter);
        ends = true;
    }
    if (ends) answer_end(filter, exchange, false);
    return true;
}

static bool on_reset(void *object, uint32_t id, uint32_t code) {
    struct exchange *exchange = find_waiting(object, id, true);
    if (exchange) {
        exchange->status = 0; /* the details say why, or `via_upstream`, of an answer that was not the end */
        if (code == HTTP2_REFUSED_STREAM) { /* there were too many before Envoy's SETTINGS came */
            codec_filter_count(object, COUNT_IN_FLIGHT_OVER_LIMIT);
            snprintf(exchange->request->details, sizeof exchange->request->details, "metaprotocol_no_room{refused_stream}");
        }
        answer_end(object, exchange, true);
    }
    return true;
}

static struct exchange *find_unserved(struct codec_filter *filter, uint32_t last) {
    struct exchange *exchange = filter->first;
    while (exchange && (!exchange->request || (exchange->id && exchange->id <= last))) exchange = exchange->after;
    return exchange;
}

static bool on_goaway(void *object, uint32_t last) {
    struct codec_filter *filter = object;
    filter->draining = true;
    if (last == EXCHANGE_LAST_ID) return exchange_post(filter), true; /* a notice: requests are still taken */
    filter->last = true;
    filter->unsent = NULL;
    /* From the first each time: the end of one may make those after it ready. */
    for (struct exchange *exchange; (exchange = find_unserved(filter, last));) answer_end(filter, exchange, true);
    return exchange_post(filter), true;
}

static bool on_max_streams(void *object, uint32_t count) {
    struct codec_filter *filter = object;
    filter->max_streams = count;
    return true;
}

static bool on_initial_window(void *object, uint32_t size) {
    struct codec_filter *filter = object;
    for (struct exchange *exchange = filter->first; exchange; exchange = exchange->after) {
        exchange->window += (int64_t)size - filter->initial_window;
    }
    filter->initial_window = size;
    stream_say_all(filter);
    return true;
}

static bool on_window_update(void *object, uint32_t id, uint32_t increment) {
    struct codec_filter *filter = object;
    struct exchange *exchange = id ? exchange_find(filter, id) : NULL;
    if (exchange) exchange->window += increment;
    if (!id) filter->window += increment;
    stream_say_all(filter);
    return true;
}

const struct http2_events ANSWER_EVENTS = {on_headers, on_data,        on_reset,         on_goaway,
                                           on_max_streams, on_initial_window, on_window_update};
