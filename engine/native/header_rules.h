/* Tells whether a message's headers came out of Envoy's filters as they went in. Touches memory only. */
#ifndef MP_HEADER_RULES_H
#define MP_HEADER_RULES_H

#include "buffer.h"

/* Headers that never count: Envoy's own, HTTP's, the module's. */
struct header_rules {
    struct text *names, *beginnings;
    size_t names_count, beginnings_count;
};

bool header_counts(const struct header_rules *rules, struct text name);
/* True if `after` holds the headers `before` in their order, and no other that counts. False may mean a mere change of
 * order; the Python half looks closer. */
bool headers_same(const struct header_rules *rules, const struct header *before, size_t before_count,
                  const struct header *after, size_t after_count);

#endif
