/* What all connections of one codec filter share. It lives as long as a filter or a request needs it. Reads what the Python
 * half made of the configuration, and nothing of the network. */
#ifndef MP_CODEC_CONFIG_H
#define MP_CODEC_CONFIG_H

#include <stdatomic.h>

#include "header_rules.h"

struct codec_config {
    _Atomic unsigned references;
    void *envoy;               /* NULL when Envoy has freed its half */
    struct codec_config *next; /* among those that Envoy has */
    void *service;   /* the Python half's Service */
    void *facts;     /* of embed.start; keeps the texts of the rules alive */
    bool in_order;   /* replies must keep the order of their requests */
    bool one_by_one; /* the next request leaves after the last was answered */
    bool foreign;    /* bytes of other protocols are passed to the HTTP connection manager */
    long max_in_flight, max_held, max_silent;
    struct header_rules request_rules, response_rules;
    size_t *counters, counters_count, in_flight;
};

/* The Counter of metaprotocol_envoy.statistics that C counts itself. */
enum counter {
    COUNT_DECODE_ERRORS,
    COUNT_CODEC_EXCEPTIONS,
    COUNT_MUTATIONS_REFUSED,
    COUNT_HEADERS_OVER_LIMIT,
    COUNT_INCOMPLETE_REFUSED,
    COUNT_IN_FLIGHT_OVER_LIMIT,
    COUNT_FORGED_REQUESTS,
    COUNT_BODIES_CHANGED,
    COUNT_UPSTREAM_CLOSED,
    COUNT_IGNORED,
    COUNT_DEADLINES,
    COUNT_FOREIGN_CONNECTIONS,
    COUNT_SILENT_OVER_LIMIT,
};

struct codec_config *codec_config_keep(struct codec_config *config);
void codec_config_release(struct codec_config *config);
/* Count what belongs to no connection: counters of one name add up, so any configuration's will do. */
void codec_config_count(enum counter counter);

#endif
