/* The way out of an attempt: its request, as Envoy's filters have left it, becomes the bytes for the server. Reads the
 * request's headers and compares them with those of the registered request; what it sends is the registered message, or
 * what the Python half made of it. */
#include "bridge.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "abi.h"
#include "codec_config.h"
#include "codec_filter.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

enum { FEW_HEADERS = 48 };

static const struct text SHADOW = {"-shadow", 7};

void *bridge_new(void *envoy) {
    struct bridge *bridge = calloc(1, sizeof *bridge);
    if (bridge) bridge->envoy = envoy;
    return bridge;
}

void bridge_forget_received(struct bridge *bridge) {
    intake_free(&bridge->intake);
    requests_add_bytes(-(int64_t)bridge->received);
    python_drop_bytes(bridge->attempt, bridge->received);
    bridge->received = 0;
    bridge->attempt = NULL;
}

void bridge_free(void *object) {
    struct bridge *bridge = object;
    if (!bridge) return;
    if (bridge->busy) {
        bridge->dead = true;
        return;
    }
    if (bridge->held_by) codec_filter_unhold(bridge->held_by, bridge);
    bridge_forget_received(bridge);
    python_drop_later(bridge->outgoing_holder);
    request_release(bridge->request);
    free(bridge);
}

void bridge_count(struct bridge *bridge, long counter) {
    if (bridge->request->connection) codec_filter_count(bridge->request->connection, counter);
}

/* ---- the request */

static struct text find(const struct header *headers, size_t headers_count, struct text name) {
    for (size_t i = 0; i < headers_count; i++) {
        if (text_is(headers[i].name, name)) return headers[i].value;
    }
    return TEXT("");
}

static struct text host_of(struct text authority) {
    size_t size = authority.size;
    while (size && authority.data[size - 1] >= '0' && authority.data[size - 1] <= '9') size--;
    bool has_port = size && size < authority.size && authority.data[size - 1] == ':';
    return (struct text){authority.data, has_port ? size - 1 : authority.size};
}

/* The connection manager may have taken the port away (strip_any_host_port); a message carries none. */
static bool is_same_authority(struct text authority, struct text ours) {
    return text_is(authority, ours) || text_is(authority, host_of(ours));
}

/* A mirror's authority has "-shadow" after its host, unless the route says otherwise. */
static bool is_shadow_of(struct text authority, struct text ours) {
    struct text host = host_of(ours);
    if (!text_begins(authority, host)) return false;
    struct text rest = {authority.data + host.size, authority.size - host.size};
    if (!text_begins(rest, SHADOW)) return false;
    struct text port = {rest.data + SHADOW.size, rest.size - SHADOW.size};
    return !port.size || text_is(port, (struct text){ours.data + host.size, ours.size - host.size});
}

/* The message as the server gets it, from the Python half; false if it was refused. */
static bool change(struct bridge *bridge, const struct header *headers, size_t headers_count, bool authority) {
    python_enter();
    void *after = python_headers(headers, headers_count);
    void *changed = PyLong_FromLong(authority);
    bool ready = after && changed;
    void *bytes = ready ? python_call_method(bridge->request->object, "outgoing", after, changed) : NULL;
    bool late = ready && python_was_late();
    Py_DecRef(after);
    Py_DecRef(changed);
    bool good = bytes && PyTuple_Size(bytes) == 2 && python_bytes(PyTuple_GetItem(bytes, 0), &bridge->outgoing);
    PyErr_Clear();
    if (good) bridge->outgoing_holder = bytes, bridge_count(bridge, PyLong_AsLong(PyTuple_GetItem(bytes, 1)));
    else if (bytes) bridge_count(bridge, PyLong_AsLong(bytes));
    else bridge_count(bridge, late ? COUNT_DEADLINES : COUNT_CODEC_EXCEPTIONS);
    if (!good) Py_DecRef(bytes);
    void *error = good ? NULL : python_call_method(bridge->request->object, "refusal", NULL, NULL);
    python_report();
    python_leave();
    if (!good) delivery_error(bridge, 400, error, false);
    return good;
}

static void send(struct bridge *bridge) {
    struct request *request = bridge->request;
    bridge->sent = true;
    bool last = request->oneway && !request->secret_id;
    abi_bridge_send_upstream(bridge->envoy, bridge->outgoing.data, bridge->outgoing.size, last);
    if (!request->oneway) return;
    struct reply *reply = reply_new(request, 0);
    if (!reply) return delivery_give_up(bridge);
    reply->is_oneway = true;
    reply->unclean = last;
    reply->status = 200;
    delivery_reply(bridge, reply);
}

/* A stream has one attempt: nobody else gets the messages that have left already. A mirror of it gets nothing. */
static void begin_stream(struct bridge *bridge) {
    struct request *request = bridge->request;
    if (bridge->shadow || request->opened) {
        bridge->shadow = true;
        delivery_refuse(bridge, "stream_cannot_be_repeated", -1);
        return;
    }
    request->opened = true;
    send(bridge);
}

void bridge_request_headers(void *object, bool end) {
    struct bridge *bridge = object;
    struct header few[FEW_HEADERS], *headers;
    size_t headers_count;
    abi_bridge_request_headers(bridge->envoy, &headers, &headers_count, few, FEW_HEADERS);
    struct request *request = request_find(find(headers, headers_count, HEADER_TOKEN));
    if (!request || request->state != ADMITTED) {
        if (headers != few) free(headers);
        bridge->answered = true;
        codec_config_count(COUNT_FORGED_REQUESTS);
        static atomic_flag said = ATOMIC_FLAG_INIT;
        if (!atomic_flag_test_and_set(&said)) {
            abi_log_error("metaprotocol: a bridge refuses a request that no codec filter made, or that `admission` or the "
                          "cluster's filter `attempt` did not see; further ones are only counted, as forged_requests");
        }
        delivery_respond(bridge, 400, NULL, 0, true);
        return;
    }
    bridge->request = request_keep(request);
    bridge->outgoing = request->message;
    struct text authority = find(headers, headers_count, TEXT(":authority"));
    bool same_authority = is_same_authority(authority, request->authority);
    bridge->shadow = !same_authority && is_shadow_of(authority, request->authority);
    bool same = headers_same(&request->config->request_rules, request->headers + request->own_count, request->count,
                             headers, headers_count);
    bool good = false;
    if (!text_is(find(headers, headers_count, TEXT(":method")), TEXT("POST"))) {
        delivery_refuse(bridge, "changed_method", COUNT_MUTATIONS_REFUSED);
    } else if (!text_is(find(headers, headers_count, TEXT(":path")), request->path)) {
        delivery_refuse(bridge, "changed_path", COUNT_MUTATIONS_REFUSED);
    } else {
        bool authority_changed = !same_authority && !bridge->shadow;
        good = (same && !authority_changed) || change(bridge, headers, headers_count, authority_changed);
    }
    if (headers != few) free(headers);
    if (good && request->is_stream) begin_stream(bridge);
    else if (good && end) send(bridge);
}

/* Send so much of a stream's later messages as Envoy's windows have let through. */
static void send_messages(struct bridge *bridge) {
    struct request *request = bridge->request;
    struct message *message;
    while ((message = request->to_server.first) && message->bytes.size <= bridge->credit) {
        messages_take(&request->to_server);
        bridge->credit -= message->bytes.size;
        /* When the client has ended the stream the server may still speak in it: this connection is used up. */
        abi_bridge_send_upstream(bridge->envoy, message->bytes.data, message->bytes.size, message->last);
        if (request->connection) codec_filter_stream_sent(request->connection, message->bytes.size);
        bool last = message->last;
        python_drop_later(message->holder);
        free(message);
        if (!last) continue;
        bridge->answered = true;
        struct codec_filter *filter = request->connection;
        if (filter) codec_filter_stream_abandoned(filter, request);
        return;
    }
}

/* Nothing of ours has a body or trailers: what comes is a filter's. */
void bridge_request_data(void *object, bool end) {
    struct bridge *bridge = object;
    if (!bridge->request) return;
    if (bridge->request->is_stream && bridge->sent) {
        bridge->credit += abi_bridge_request_size(bridge->envoy);
        if (!bridge->shadow) send_messages(bridge);
        return;
    }
    if (bridge->answered || bridge->sent) return;
    if (abi_bridge_request_size(bridge->envoy)) delivery_refuse(bridge, "changed_request_body", COUNT_BODIES_CHANGED);
    else if (end) send(bridge);
}

void bridge_request_trailers(void *object) {
    struct bridge *bridge = object;
    if (!bridge->request || bridge->answered || bridge->sent) return;
    delivery_refuse(bridge, "changed_request_body", COUNT_BODIES_CHANGED);
}
