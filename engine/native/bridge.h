/* The upstream half: one attempt to get the answer to a registered request, on one TCP connection to a server. It sends
 * the registered message and nothing else, and hands the server's bytes to the Python half. */
#ifndef MP_BRIDGE_H
#define MP_BRIDGE_H

#include "intake.h"

struct codec_filter;
struct reply;
struct request;

struct bridge {
    void *envoy;
    struct request *request;
    void *attempt;            /* the Python half's, once the server has answered something */
    struct text outgoing;     /* the message, changed as its headers were */
    void *outgoing_holder;
    char reply[32];           /* the secret of the reply that waits */
    struct intake intake;     /* of the server's bytes */
    size_t received;          /* bytes of an answer that is not whole yet */
    bool sent, answered, shadow;
    bool failed;              /* of a stream: the server's bytes were not its, and no more are read */
    bool over;                /* of a stream: it has ended, and its end was held */
    size_t credit;            /* of a stream: bytes of later messages that Envoy has let through */
    bool busy, dead;          /* inside a call that may destroy this object; destroyed there */
    struct codec_filter *held_by;
    struct bridge *held_before, *held_after;
};

/* ---- bridge.c: the request */

void *bridge_new(void *envoy);
void bridge_free(void *bridge);
void bridge_request_headers(void *bridge, bool end_stream);
void bridge_request_data(void *bridge, bool end_stream);
void bridge_request_trailers(void *bridge);
/* Forget what has come of an answer. */
void bridge_forget_received(struct bridge *bridge);
/* Add to a counter of the client's connection, if that is there. */
void bridge_count(struct bridge *bridge, long counter);

/* ---- server_bytes.c: the server's bytes */

void bridge_response_data(void *bridge, bool end_stream);

/* ---- delivery.c: the result. The bridge may be gone after each of these, unless it is `busy`. */

/* Send the reply that was held. */
void bridge_continue(struct bridge *bridge);
/* Hand response headers to Envoy, which may destroy the bridge meanwhile (the router retries). There is never a body: the
 * message goes from the registry to the client. */
void delivery_respond(struct bridge *bridge, unsigned status, struct header *headers, size_t headers_count, bool end);
/* Answer with a registered reply, at once or when the client reads again. */
void delivery_reply(struct bridge *bridge, struct reply *reply);
/* Answer with an Error of the Python half; takes it over. Unclean: bytes were exchanged with the server. */
void delivery_error(struct bridge *bridge, unsigned status, void *error, bool unclean);
/* Refuse the request by a method of the Request that returns the Error. */
void delivery_refuse(struct bridge *bridge, const char *method, long counter);
/* There is no memory for an answer: the codec filter ends the request. A mirror's waits for its own timeout. */
void delivery_give_up(struct bridge *bridge);
/* A stream is over: the response ends, when the client reads. */
void delivery_end_stream(struct bridge *bridge);

#endif
