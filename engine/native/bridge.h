/* The upstream half: one attempt to get the answer to a registered request, on one TCP connection to a server. It sends
 * the registered message and nothing else, and hands the server's bytes to the Python half. */
#ifndef MP_BRIDGE_H
#define MP_BRIDGE_H

#include "intake.h"

struct codec_filter;

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
    bool over;                /* of a stream: it has ended, and its end was held */
    size_t credit;            /* of a stream: bytes of later messages that Envoy has let through */
    bool busy, dead;          /* inside a call that may destroy this object; destroyed there */
    struct codec_filter *held_by;
    struct bridge *held_before, *held_after;
};

void *bridge_new(void *envoy);
void bridge_free(void *bridge);
void bridge_request_headers(void *bridge, bool end_stream);
void bridge_request_data(void *bridge, bool end_stream);
void bridge_request_trailers(void *bridge);
void bridge_response_data(void *bridge, bool end_stream);

/* Send the reply that was held. The bridge may be gone after it. */
void bridge_continue(struct bridge *bridge);

#endif
