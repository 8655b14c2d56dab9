/* Reads and writes the octets of auth_core::wire, which are postcard's: a u8 or a bool is one octet as it is, a larger number goes in
 * sevens of bits, the lowest first; octets and text stand behind their length, an option behind 0 or 1, what a variant holds
 * behind the number of its case. A reader that runs out stops the program. */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct octets { const uint8_t *at; size_t len; };
struct reader { const uint8_t *at, *end; };
struct writer { uint8_t at[2048]; size_t len; };

static inline uint8_t read_octet(struct reader *from) {
    if (from->at == from->end) { fputs("an order ends too early\n", stderr); exit(1); }
    return *from->at++;
}

static inline uint64_t read_number(struct reader *from) {
    uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t octet = read_octet(from);
        number |= (uint64_t)(octet & 0x7f) << shift;
        if (octet < 0x80 || shift == 63) return number;
    }
}

static inline struct octets read_octets(struct reader *from) {
    struct octets found = { from->at, read_number(from) };
    found.at = from->at;
    if ((size_t)(from->end - from->at) < found.len) { fputs("an order ends too early\n", stderr); exit(1); }
    from->at += found.len;
    return found;
}

static inline void skip_option(struct reader *from) { if (read_octet(from)) read_octets(from); }

static inline int same(struct octets a, struct octets b) { return a.len == b.len && memcmp(a.at, b.at, a.len) == 0; }

static inline void write_raw(struct writer *to, const void *octets, size_t len) {
    if (sizeof to->at - to->len < len) { fputs("there is no room for so much\n", stderr); exit(1); }
    memcpy(to->at + to->len, octets, len);
    to->len += len;
}

static inline void write_octet(struct writer *to, uint8_t octet) { write_raw(to, &octet, 1); }

static inline void write_number(struct writer *to, uint64_t number) {
    for (; number >= 0x80; number >>= 7) write_octet(to, (uint8_t)(number | 0x80));
    write_octet(to, (uint8_t)number);
}

static inline void write_octets(struct writer *to, const void *octets, size_t len) {
    write_number(to, len);
    write_raw(to, octets, len);
}

/* A stored row, which nobody but the core has to understand: these find its end. */
static inline void skip_params(struct reader *from) {
    switch (read_number(from)) {
    case 0: read_octet(from); read_octet(from); read_octet(from); break; /* scrypt: log2 N, r, p */
    case 1: read_number(from); break;                                     /* PBKDF2: iterations */
    default: read_octets(from);                                           /* delegated: a key's name */
    }
}

static inline struct octets read_row(struct reader *from) {
    struct octets row = { from->at, 0 };
    uint64_t status = read_number(from); /* 0 vacant, 1 pending, 2 active */
    if (status > 0) {
        for (int i = 0; i < 3; i++) read_octets(from); /* generation, address, locale */
        skip_params(from);
        read_octets(from); /* salt */
        read_octets(from); /* hash */
        if (status == 2) read_number(from); /* since when */
    }
    if (read_octet(from)) { read_number(from); read_number(from); read_octet(from); } /* the last mail: due, interval, left */
    if (read_octet(from)) read_number(from);                        /* the last notice */
    if (read_octet(from)) read_number(from);                        /* when it expires */
    row.len = (size_t)(from->at - row.at);
    return row;
}

/* The mails that were read beside a row: these octets are compared with those that were answered. */
static inline struct octets read_waiting(struct reader *from) {
    struct octets waiting = { from->at, 0 };
    for (uint64_t mails = read_number(from); mails > 0; mails--) {
        read_number(from); /* purpose */
        read_octets(from); /* id */
        if (read_number(from) == 0) read_number(from); /* free until */
        else read_octets(from);                        /* held by */
    }
    waiting.len = (size_t)(from->at - waiting.at);
    return waiting;
}

/* How one mail, or none, waits: free since it was owed, which is at once, or held under the one lease that there is. A mail
 * begins with its id, 16 octets behind their length, and its purpose. */
static inline void write_waiting(struct writer *to, const struct writer *mail, int waits, int held) {
    static const uint8_t lease[16];
    write_octet(to, (uint8_t)waits);
    if (!waits) return;
    write_octet(to, mail->at[17]), write_raw(to, mail->at, 17), write_octet(to, (uint8_t)held);
    if (held) write_octets(to, lease, sizeof lease);
    else write_number(to, 0);
}

#endif
