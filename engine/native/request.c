/* The registry of this worker. */
#include "request.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "codec_config.h"
#include "python.h"

enum { SLOTS_AT_MOST = 1 << 24, RANDOM_AT_ONCE = 4096 };
/* Requests that have ended and wait for late attempts. */
enum { ENDED_AT_MOST = 256, ENDED_BYTES_AT_MOST = 4 << 20, ENDED_SECONDS_AT_MOST = 10 };

static __thread struct request **slots;
static __thread unsigned *free_slots;
static __thread size_t slots_count, free_count;

static __thread struct request *oldest, *newest;
static __thread size_t ended_count, ended_bytes;

static _Atomic uint64_t all_requests, all_bytes;
static _Atomic uint64_t requests_limit = 200000, bytes_limit = (uint64_t)1 << 30;

void requests_set_limits(uint64_t requests, uint64_t bytes) {
    atomic_store(&requests_limit, requests);
    atomic_store(&bytes_limit, bytes);
}

bool bytes_over_limit(void) {
    return atomic_load_explicit(&all_bytes, memory_order_relaxed) >= atomic_load(&bytes_limit);
}

bool requests_over_limit(void) {
    return atomic_load_explicit(&all_requests, memory_order_relaxed) >= atomic_load(&requests_limit) || bytes_over_limit();
}

void requests_add_bytes(int64_t bytes) {
    atomic_fetch_add_explicit(&all_bytes, (uint64_t)bytes, memory_order_relaxed);
}

/* ---- secrets */

void secret_make(uint8_t *secret, size_t size) {
    static __thread uint8_t random[RANDOM_AT_ONCE];
    static __thread size_t left;
    if (left < size) {
        for (size_t got = 0; got < sizeof random;) {
            ssize_t part = getrandom(random + got, sizeof random - got, 0);
            if (part > 0) got += (size_t)part;
            else if (errno != EINTR) abort(); /* without randomness anybody could forge a request */
        }
        left = sizeof random;
    }
    left -= size;
    memcpy(secret, random + left, size);
    memset(random + left, 0, size);
}

static bool secret_is(const uint8_t *one, const uint8_t *other) {
    volatile uint8_t difference = 0; /* takes the same time wherever they differ */
    for (size_t i = 0; i < SECRET_SIZE; i++) difference |= one[i] ^ other[i];
    return !difference;
}

static void write_hex(char *to, const uint8_t *from, size_t size) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
}

static bool read_hex(uint8_t *to, const char *from, size_t size) {
    for (size_t i = 0; i < 2 * size; i++) {
        char c = from[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return false;
        to[i / 2] = (uint8_t)(i % 2 ? to[i / 2] | digit : digit << 4);
    }
    return true;
}

/* ---- slots */

static bool add_slots(void) {
    size_t count = slots_count ? slots_count * 2 : 64;
    if (count > SLOTS_AT_MOST) return false;
    struct request **more = realloc(slots, count * sizeof *slots);
    if (more) slots = more;
    unsigned *more_free = realloc(free_slots, count * sizeof *free_slots);
    if (more_free) free_slots = more_free;
    if (!more || !more_free) return false;
    for (size_t at = count; at-- > slots_count;) {
        slots[at] = NULL;
        free_slots[free_count++] = (unsigned)at;
    }
    slots_count = count;
    return true;
}

struct request *request_new(size_t headers) {
    if (!free_count && !add_slots()) return NULL;
    struct request *request = calloc(1, sizeof *request + headers * sizeof *request->headers);
    if (!request) return NULL;
    request->references = 1;
    request->number = free_slots[--free_count];
    slots[request->number] = request;
    secret_make(request->secret, SECRET_SIZE);
    request->counted = true;
    atomic_fetch_add_explicit(&all_requests, 1, memory_order_relaxed);
    return request;
}

void request_set_message(struct request *request, struct text message) {
    request->message = message;
    atomic_fetch_add_explicit(&all_bytes, message.size, memory_order_relaxed);
}

struct request *request_keep(struct request *request) {
    request->references++;
    return request;
}

static void uncount(struct request *request) {
    if (!request->counted) return;
    request->counted = false;
    atomic_fetch_sub_explicit(&all_requests, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&all_bytes, request->message.size, memory_order_relaxed);
}

static void free_replies(struct request *request) {
    while (request->replies) {
        struct reply *reply = request->replies;
        request->replies = reply->next;
        atomic_fetch_sub_explicit(&all_bytes, reply->message.size, memory_order_relaxed);
        python_drop_bytes(reply->result, reply->message.size);
        free(reply);
    }
}

bool messages_add(struct messages *messages, void *holder, struct text bytes, bool last) {
    struct message *message = calloc(1, sizeof *message);
    if (!message) return python_drop_later(holder), false;
    *message = (struct message){.holder = holder, .bytes = bytes, .last = last};
    if (!messages->first) messages->end = &messages->first;
    *messages->end = message;
    messages->end = &message->next;
    atomic_fetch_add_explicit(&all_bytes, bytes.size, memory_order_relaxed);
    return true;
}

struct message *messages_take(struct messages *messages) {
    struct message *message = messages->first;
    if (!message) return NULL;
    messages->first = message->next;
    atomic_fetch_sub_explicit(&all_bytes, message->bytes.size, memory_order_relaxed);
    return message;
}

void messages_free(struct messages *messages) {
    for (struct message *message; (message = messages_take(messages)); free(message)) python_drop_later(message->holder);
}

void request_release(struct request *request) {
    if (!request || --request->references) return;
    messages_free(&request->to_server);
    messages_free(&request->to_client);
    free_replies(request);
    slots[request->number] = NULL;
    free_slots[free_count++] = request->number;
    python_drop_bytes(request->holder, request->message.size);
    if (request->config) codec_config_release(request->config);
    uncount(request);
    free(request);
}

static void forget_oldest(void) {
    struct request *request = oldest;
    oldest = request->newer;
    if (oldest) oldest->older = NULL;
    else newest = NULL;
    ended_count--;
    ended_bytes -= request->message.size;
    request_release(request);
}

void request_end(struct request *request) {
    request->connection = NULL;
    if (request->state != ADMITTED) { /* no attempt can come */
        request->state = ENDED;
        request_release(request);
        return;
    }
    uncount(request);
    free_replies(request);
    messages_free(&request->to_server); /* a stream has no late attempts */
    messages_free(&request->to_client);
    request->older = newest;
    if (newest) newest->newer = request;
    else oldest = request;
    newest = request;
    ended_count++;
    ended_bytes += request->message.size;
    request->ended_at = time(NULL);
    while (oldest && (ended_count > ENDED_AT_MOST || ended_bytes > ENDED_BYTES_AT_MOST ||
                      request->ended_at - oldest->ended_at > ENDED_SECONDS_AT_MOST)) {
        forget_oldest();
    }
}

void request_forget_late_replies(struct request *request) {
    if (request->ended_at) free_replies(request);
}

/* ---- tokens */

void request_write_token(const struct request *request, char token[TOKEN_SIZE]) {
    uint8_t number[4] = {(uint8_t)(request->number >> 24), (uint8_t)(request->number >> 16),
                         (uint8_t)(request->number >> 8), (uint8_t)request->number};
    write_hex(token, number, sizeof number);
    write_hex(token + 8, request->secret, SECRET_SIZE);
}

struct request *request_find(struct text token) {
    uint8_t number[4], secret[SECRET_SIZE];
    if (token.size != TOKEN_SIZE || !read_hex(number, token.data, 4) || !read_hex(secret, token.data + 8, SECRET_SIZE)) {
        return NULL;
    }
    size_t at = (size_t)number[0] << 24 | (size_t)number[1] << 16 | (size_t)number[2] << 8 | number[3];
    if (at >= slots_count || !slots[at] || !secret_is(slots[at]->secret, secret)) return NULL;
    return slots[at];
}

void request_admit(struct request *request) {
    request->state = ADMITTED;
    secret_make(request->secret, SECRET_SIZE);
}

/* ---- replies */

struct reply *reply_new(struct request *request, size_t headers) {
    struct reply *reply = calloc(1, sizeof *reply + headers * sizeof *reply->headers);
    if (!reply) return NULL;
    uint8_t secret[SECRET_SIZE];
    secret_make(secret, sizeof secret);
    write_hex(reply->secret, secret, sizeof secret);
    reply->headers = (struct header *)(reply + 1);
    reply->count = headers;
    reply->next = request->replies;
    request->replies = reply;
    return reply;
}

void reply_set_message(struct reply *reply, struct text message) {
    reply->message = message;
    atomic_fetch_add_explicit(&all_bytes, message.size, memory_order_relaxed);
}

struct reply *reply_find(struct request *request, struct text secret) {
    if (secret.size != sizeof request->replies->secret) return NULL;
    for (struct reply *reply = request->replies; reply; reply = reply->next) {
        if (!memcmp(reply->secret, secret.data, secret.size)) return reply;
    }
    return NULL;
}
