/* Sends requests and takes their time: `load PORT REQUEST REPLY LENGTH_AT LENGTH_ADD ID_AT ID_SIZE CONNECTIONS DEPTH WARM
 * SECONDS`. Each connection keeps DEPTH requests under way; a reply makes room for the next. Every reply must be the bytes
 * of the file REPLY with the id of a request that waits.
 *
 * Prints `begin` after WARM seconds and `end` SECONDS later, so that the reader can take the processor's time of others at
 * these moments; then one line of JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"

#define CHUNK (256 * 1024)
#define MOST_DEPTH 256
/* Seconds without a reply after which all is lost. */
#define PATIENCE 60

struct waiting {
    uint64_t id, sent;
};

struct connection {
    int socket;
    uint32_t watched;
    struct bytes in, out;
    struct waiting waiting[MOST_DEPTH];
};

static struct frames frames;
static struct bytes request, reply;
static int events;
static uint32_t *times;
static size_t count, room;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

/* The low byte of an id is the place of the request among those of its connection. */
static void request_write(struct connection *connection, size_t place) {
    struct waiting *waiting = &connection->waiting[place];
    uint8_t *at = bytes_space(&connection->out, request.end);
    memcpy(at, request.data, request.end);
    waiting->id = ((waiting->id / MOST_DEPTH + 1) & 0x7fffff) * MOST_DEPTH + place;
    number_write(at + frames.id_at, frames.id_size, waiting->id);
    connection->out.end += request.end;
    waiting->sent = now();
}

static void time_add(uint64_t nanoseconds) {
    if (count == room) times = checked(realloc(times, (room = room ? room * 2 : 1 << 20) * sizeof *times));
    times[count++] = nanoseconds > UINT32_MAX ? UINT32_MAX : (uint32_t)nanoseconds;
}

/* Take the replies that have come; return their number. */
static size_t replies_take(struct connection *connection, size_t depth, bool counts) {
    struct bytes *in = &connection->in;
    size_t taken = 0;
    for (size_t size; (size = frame_size(&frames, in->data + in->start, bytes_held(in))); in->start += size, taken++) {
        const uint8_t *data = in->data + in->start;
        uint64_t id = number_read(data + frames.id_at, frames.id_size);
        size_t place = id % MOST_DEPTH, after = frames.id_at + frames.id_size;
        if (place >= depth || connection->waiting[place].id != id) fail("a reply to no request");
        if (size != reply.end || memcmp(data, reply.data, frames.id_at) ||
            memcmp(data + after, reply.data + after, size - after))
            fail("a reply is not what the server sent");
        if (counts) time_add(now() - connection->waiting[place].sent);
        request_write(connection, place);
    }
    return taken;
}

static void bytes_read(struct connection *connection) {
    struct bytes *in = &connection->in;
    for (ssize_t got = CHUNK; got == CHUNK; in->end += got > 0 ? (size_t)got : 0) {
        got = read(connection->socket, bytes_space(in, CHUNK), CHUNK);
        if (got == 0 || (got < 0 && errno != EAGAIN)) fail("a connection was closed");
    }
}

static void bytes_write(struct connection *connection) {
    struct bytes *out = &connection->out;
    while (bytes_held(out)) {
        ssize_t sent = send(connection->socket, out->data + out->start, bytes_held(out), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) fail("a connection was reset");
        if (sent < 0) break;
        out->start += (size_t)sent;
    }
    uint32_t what = bytes_held(out) ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (what == connection->watched) return;
    struct epoll_event event = {.events = what, .data.ptr = connection};
    epoll_ctl(events, connection->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection->socket, &event);
    connection->watched = what;
}

static void connection_open(struct connection *connection, uint16_t port, size_t depth) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->socket, (struct sockaddr *)&address, sizeof address)) fail("nobody listens");
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection->socket, F_SETFL, O_NONBLOCK);
    for (size_t place = 0; place < depth; place++) request_write(connection, place);
    bytes_write(connection);
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile(double share) { return times[(size_t)(share * (double)(count - 1))] / 1e3; }

static void say(const char *word) {
    puts(word);
    fflush(stdout);
}

int main(int number, char **arguments) {
    if (number != 12) return fprintf(stderr, "see the head of load.c\n"), 2;
    request = file_read(arguments[2]);
    reply = file_read(arguments[3]);
    frames = frames_of(arguments + 4);
    size_t connections = strtoul(arguments[8], NULL, 10), depth = strtoul(arguments[9], NULL, 10);
    if (depth > MOST_DEPTH) fail("too many requests for a connection");
    uint64_t warm = (uint64_t)(atof(arguments[10]) * 1e9), measured = (uint64_t)(atof(arguments[11]) * 1e9);

    events = epoll_create1(0);
    struct connection *all = checked(calloc(connections, sizeof *all));
    for (size_t i = 0; i < connections; i++) connection_open(&all[i], (uint16_t)atoi(arguments[1]), depth);

    uint64_t begin = now() + warm, last = now(), time;
    bool counts = false;
    while ((time = now()) < begin + measured || !count) { /* at least one reply, however slow */
        if (!counts && time >= begin) {
            say("begin");
            begin = now();
            counts = true;
        }
        struct epoll_event ready[256];
        int some = epoll_wait(events, ready, 256, 50);
        if (some > 0) last = time;
        if (time - last > PATIENCE * 1000000000ull) fail("no reply for a minute");
        for (int i = 0; i < some; i++) {
            struct connection *connection = ready[i].data.ptr;
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) bytes_read(connection);
            replies_take(connection, depth, counts);
            bytes_write(connection);
        }
    }
    time = now();
    say("end");
    qsort(times, count, sizeof *times, compare);
    printf("{\"requests\": %zu, \"seconds\": %.6f, \"p50\": %.2f, \"p99\": %.2f}\n", count, (double)(time - begin) / 1e9,
           percentile(0.5), percentile(0.99));
    return 0;
}
