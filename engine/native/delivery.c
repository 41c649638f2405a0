/* The result of an attempt, on its way to Envoy: a reply of the server's, or an error that the Python half names. Hands
 * Envoy the headers of the registered reply, never its bytes; holds them while the client does not read. */
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "bridge.h"
#include "codec_config.h"
#include "codec_filter.h"
#include "http_filter.h"
#include "python.h"
#include "request.h"

enum { FEW_HEADERS = 48 };

void delivery_respond(struct bridge *bridge, unsigned status, struct header *headers, size_t headers_count, bool end) {
    bool was_busy = bridge->busy;
    bridge->busy = true;
    abi_bridge_send_response(bridge->envoy, status, headers, headers_count, end);
    bridge->busy = was_busy;
    if (bridge->dead) bridge_free(bridge);
}

void delivery_give_up(struct bridge *bridge) {
    bridge->answered = true;
    bridge_count(bridge, COUNT_IN_FLIGHT_OVER_LIMIT);
    struct codec_filter *filter = bridge->request->connection;
    if (filter && !bridge->shadow) codec_filter_broken(filter, bridge->request, "metaprotocol_no_room");
}

static void respond_with(struct bridge *bridge, struct reply *reply, unsigned status) {
    struct header few[FEW_HEADERS], *headers = few;
    if (reply->count + 1 > FEW_HEADERS) headers = malloc((reply->count + 1) * sizeof *headers);
    if (!headers) return delivery_give_up(bridge);
    headers[0].name = HEADER_REPLY;
    headers[0].value = (struct text){reply->secret, sizeof reply->secret};
    if (reply->count) memcpy(headers + 1, reply->headers, reply->count * sizeof *headers);
    /* Without an end the server's connection is closed when the client has its answer, and never used again. */
    bool goes_on = reply->unclean || (bridge->request->is_stream && !reply->is_error);
    struct request *request = request_keep(bridge->request);
    delivery_respond(bridge, status, headers, reply->count + 1, !goes_on);
    if (headers != few) free(headers);
    request_forget_late_replies(request); /* a mirror's */
    request_release(request);
}

/* The server's connection goes back to its pool. */
static void end_response(struct bridge *bridge) {
    bool was_busy = bridge->busy;
    bridge->busy = true;
    abi_bridge_end_response(bridge->envoy);
    bridge->busy = was_busy;
    if (bridge->dead) bridge_free(bridge);
}

void delivery_end_stream(struct bridge *bridge) {
    bridge->over = true;
    struct codec_filter *filter = bridge->request->connection;
    if (!filter || !codec_filter_hold(filter, bridge)) end_response(bridge);
}

/* It is this one's turn: it is not held again, whoever else waits. */
void bridge_continue(struct bridge *bridge) {
    if (bridge->over) return end_response(bridge);
    struct reply *reply = reply_find(bridge->request, (struct text){bridge->reply, sizeof bridge->reply});
    if (reply) respond_with(bridge, reply, reply->status);
}

void delivery_reply(struct bridge *bridge, struct reply *reply) {
    bridge->answered = true;
    memcpy(bridge->reply, reply->secret, sizeof bridge->reply);
    struct codec_filter *filter = bridge->request->connection;
    /* A stream's connection goes back to its pool at its end; that is held. */
    bool ends = !bridge->request->is_stream || reply->is_error;
    if (filter && ends && !bridge->shadow && codec_filter_hold(filter, bridge)) return;
    respond_with(bridge, reply, reply->status);
}

void delivery_error(struct bridge *bridge, unsigned status, void *error, bool unclean) {
    struct reply *reply = reply_new(bridge->request, 0);
    if (!reply) return python_drop_later(error), delivery_give_up(bridge);
    reply->result = error;
    reply->is_error = true;
    reply->unclean = unclean;
    reply->status = status;
    delivery_reply(bridge, reply);
}

void delivery_refuse(struct bridge *bridge, const char *method, long counter) {
    bridge_count(bridge, counter);
    python_enter();
    void *error = python_call_method(bridge->request->object, method, NULL, NULL);
    python_leave();
    delivery_error(bridge, 400, error, false);
}
