/* The registry of this worker: requests that our codec filter made of a client's messages, which alone the bridge sends.
 * The message never becomes an HTTP body; it stays here, from the client's connection to the server's.
 *
 * A request's way: registered by the codec filter, under a token that only Envoy's HTTP filter chain sees; admitted once by
 * the HTTP filter, on the connection that registered it, which replaces the token by a reference in filter state; sent by the
 * bridge, once for each attempt. Everything of a request happens on one worker, so there are no locks.
 * Touches memory and the system's random numbers only. */
#ifndef MP_REQUEST_H
#define MP_REQUEST_H

#include "buffer.h"

struct codec_filter;
struct codec_config;

enum { SECRET_SIZE = 16, TOKEN_SIZE = 8 + 2 * SECRET_SIZE };

/* What one attempt brought. The response carries `secret`, by which the codec filter finds it again. */
struct reply {
    char secret[2 * SECRET_SIZE];
    void *result;             /* of Attempt.feed, or an Error */
    void *object;             /* the Reply; NULL for an Error and a oneway */
    struct text message;      /* for the client */
    struct header *headers;   /* that stand for properties, and come out in the response unless a filter changed them */
    size_t own_count, count;  /* the first `own_count` are x-metaprotocol-* */
    unsigned status;
    bool is_error, is_oneway, unclean, stateful; /* stateful: Reply.deliver must be called */
    struct reply *next;
};

/* A later message of a stream, on its way. */
struct message {
    void *holder; /* keeps the bytes alive */
    struct text bytes;
    bool last; /* the stream is over when it has left */
    struct message *next;
};

struct messages {
    struct message *first, **end;
};

struct request {
    unsigned references, number;
    enum { REGISTERED, ADMITTED, ENDED } state;
    uint8_t secret[SECRET_SIZE];
    uint64_t connection_id;
    struct codec_config *config;
    struct codec_filter *connection; /* NULL when the client has gone */
    void *object;                    /* the Python half's Request */
    void *holder;                    /* keeps the texts below alive */
    struct text path, authority, message;
    bool counted;           /* towards the process's limits, with its message, until the client's side is done */
    bool is_stream, opened; /* opened: its only attempt has begun */
    bool abandoned;         /* the client has ended the stream in both directions */
    struct messages to_server, to_client;
    bool keeps_alive; /* it carries no message; the admission filter answers it */
    bool oneway, secret_id; /* secret_id: a oneway leaves under an id that nobody can guess */
    char destination[64]; /* the authority, if it is the address that the client called */
    char details[160]; /* response.code_details, of the answer or of the stream's end */
    char ids[128];     /* of the request and its trace, for a person: set if the answer is an error of ours or Envoy's */
    struct reply *replies;
    struct request *older, *newer; /* among those that have ended and wait for late attempts */
    int64_t ended_at;              /* in seconds; 0: it has not ended */
    size_t own_count, count; /* x-metaprotocol-* headers come first, then those that stand for properties */
    struct header headers[];
};

/* Register a request with one reference; NULL if memory or the process's limit does not allow it. */
struct request *request_new(size_t headers);
/* Set the bytes, which count towards the process's limit; they live as long as the request. */
void request_set_message(struct request *request, struct text message);
struct request *request_keep(struct request *request);
void request_release(struct request *request);
/* The client's side is done: attempts that begin later (a mirror that had to connect) still find it, for a while. What is
 * kept for them has bounds of its own. */
void request_end(struct request *request);

/* Free the replies of attempts that were late: nobody looks for them. */
void request_forget_late_replies(struct request *request);

/* Write the token, or after admission the reference, by which `request_find` finds the request. */
void request_write_token(const struct request *request, char token[TOKEN_SIZE]);
struct request *request_find(struct text token);
/* Admit the request: its token is worthless from now on, and a new one is its reference. */
void request_admit(struct request *request);

/* Append a message; takes over the holder. Return false without memory. */
bool messages_add(struct messages *messages, void *holder, struct text bytes, bool last);
/* Take the first; the caller frees it. */
struct message *messages_take(struct messages *messages);
void messages_free(struct messages *messages);

struct reply *reply_new(struct request *request, size_t headers);
void reply_set_message(struct reply *reply, struct text message);
/* Find a reply by its secret. A pointer to a reply is good until control goes back to Envoy. */
struct reply *reply_find(struct request *request, struct text secret);

/* Random bytes that nobody can guess. */
void secret_make(uint8_t *secret, size_t size);

/* Of the whole process. */
void requests_set_limits(uint64_t requests, uint64_t bytes);
/* True if there are as many bytes as may be, or for a new request as many requests. An answer makes room for requests. */
bool bytes_over_limit(void);
bool requests_over_limit(void);
/* Count bytes that are held elsewhere on behalf of a request. */
void requests_add_bytes(int64_t bytes);

#endif
