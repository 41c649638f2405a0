/* Answers every request with the same reply and the request's id: `server REPLY LENGTH_AT LENGTH_ADD ID_AT ID_SIZE`.
 * Prints its port, which the kernel chose, and runs until its standard input ends. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frames.h"

#define CHUNK (256 * 1024)
/* A client that does not read its answers is not read either. */
#define MOST_HELD (16 * 1024 * 1024)

struct client {
    int socket;
    uint32_t watched;
    struct bytes in, out;
};

static struct frames frames;
static struct bytes reply;
static int events;

static void watch(struct client *client, uint32_t what, int operation) {
    if (operation == EPOLL_CTL_MOD && client->watched == what) return;
    client->watched = what;
    struct epoll_event event = {.events = what, .data.ptr = client};
    epoll_ctl(events, operation, client->socket, &event);
}

static void answer(struct client *client) {
    struct bytes *in = &client->in, *out = &client->out;
    for (size_t size; (size = frame_size(&frames, in->data + in->start, bytes_held(in))); in->start += size) {
        memcpy(bytes_space(out, reply.end), reply.data, reply.end);
        memcpy(out->data + out->end + frames.id_at, in->data + in->start + frames.id_at, frames.id_size);
        out->end += reply.end;
    }
}

/* Return false if the connection has ended. */
static bool serve(struct client *client) {
    struct bytes *in = &client->in, *out = &client->out;
    if (bytes_held(out) < MOST_HELD) {
        ssize_t got = read(client->socket, bytes_space(in, CHUNK), CHUNK);
        if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
        if (got > 0) in->end += (size_t)got;
    }
    answer(client);
    while (bytes_held(out)) {
        ssize_t sent = send(client->socket, out->data + out->start, bytes_held(out), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) return false;
        if (sent < 0) break;
        out->start += (size_t)sent;
    }
    uint32_t what = bytes_held(out) < MOST_HELD ? EPOLLIN : 0;
    watch(client, bytes_held(out) ? what | EPOLLOUT : what, EPOLL_CTL_MOD);
    return true;
}

static void end(struct client *client) {
    close(client->socket);
    free(client->in.data);
    free(client->out.data);
    free(client);
}

static void accept_all(int listener) {
    int one = 1, connected;
    while ((connected = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(connected, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct client *client = checked(calloc(1, sizeof *client));
        client->socket = connected;
        watch(client, EPOLLIN, EPOLL_CTL_ADD);
    }
}

int main(int count, char **arguments) {
    if (count != 6) return fprintf(stderr, "server REPLY LENGTH_AT LENGTH_ADD ID_AT ID_SIZE\n"), 2;
    reply = file_read(arguments[1]);
    frames = frames_of(arguments + 2);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return perror("listen"), 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    events = epoll_create1(0);
    struct epoll_event listening = {.events = EPOLLIN, .data.ptr = NULL}, input = {.events = EPOLLIN, .data.ptr = &input};
    epoll_ctl(events, EPOLL_CTL_ADD, listener, &listening);
    epoll_ctl(events, EPOLL_CTL_ADD, STDIN_FILENO, &input);
    for (struct epoll_event ready[256];;) {
        int number = epoll_wait(events, ready, 256, -1);
        for (int i = 0; i < number; i++) {
            struct client *client = ready[i].data.ptr;
            if (ready[i].data.ptr == &input) return 0;
            if (!client)
                accept_all(listener);
            else if (!serve(client))
                end(client);
        }
    }
}
