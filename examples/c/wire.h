/* Reads and writes the bytes of auth_core::wire, which are postcard's: a u8 or a bool is one byte, a larger number a varint of seven
 * bits per byte, the lowest first; bytes and text come after their length, an option after 0 or 1, the value of a variant after the
 * number of its case. Input that ends too early stops the program. */
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE_VERSION = 3 }; /* the first byte of everything */

struct bytes { const uint8_t *at; size_t len; };
struct reader { const uint8_t *at, *end; };
struct writer { uint8_t at[2048]; size_t len; };

static inline uint8_t read_byte(struct reader *from) {
    if (from->at == from->end) { fputs("an order ends too early\n", stderr); exit(1); }
    return *from->at++;
}

static inline uint64_t read_number(struct reader *from) {
    uint64_t number = 0;
    for (int shift = 0;; shift += 7) {
        uint8_t byte = read_byte(from);
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80 || shift == 63) return number;
    }
}

static inline struct bytes read_bytes(struct reader *from) {
    struct bytes found = { from->at, read_number(from) };
    found.at = from->at;
    if ((size_t)(from->end - from->at) < found.len) { fputs("an order ends too early\n", stderr); exit(1); }
    from->at += found.len;
    return found;
}

static inline void skip_option(struct reader *from) { if (read_byte(from)) read_bytes(from); }

static inline int same(struct bytes a, struct bytes b) { return a.len == b.len && memcmp(a.at, b.at, a.len) == 0; }

static inline void write_raw(struct writer *to, const void *bytes, size_t len) {
    if (sizeof to->at - to->len < len) { fputs("there is no room for so much\n", stderr); exit(1); }
    memcpy(to->at + to->len, bytes, len);
    to->len += len;
}

static inline void write_byte(struct writer *to, uint8_t byte) { write_raw(to, &byte, 1); }

static inline void write_number(struct writer *to, uint64_t number) {
    for (; number >= 0x80; number >>= 7) write_byte(to, (uint8_t)(number | 0x80));
    write_byte(to, (uint8_t)number);
}

static inline void write_bytes(struct writer *to, const void *bytes, size_t len) {
    write_number(to, len);
    write_raw(to, bytes, len);
}

/* Replaces the beginning of a reply, two bytes, by a fault: nothing happened. */
static inline void not_done(struct writer *answer) { answer->len -= 2, write_byte(answer, 1), write_byte(answer, 0); }

/* A stored row, which only the core has to understand: these functions find its end. */
static inline void skip_params(struct reader *from) {
    switch (read_number(from)) {
    case 0: read_byte(from); read_byte(from); read_byte(from); break; /* scrypt: log2 N, r, p */
    case 1: read_number(from); break;                                     /* PBKDF2: iterations */
    case 3: read_number(from); read_number(from); read_byte(from); break; /* Argon2id: m, t, p */
    case 4: /* imported: function, n, r, p, salt, its length */
        for (int i = 0; i < 4; i++) read_number(from);
        read_bytes(from), read_byte(from);
        break;
    default: read_bytes(from);                                           /* delegated: the key's id */
    }
}

static inline struct bytes read_row(struct reader *from) {
    struct bytes row = { from->at, 0 };
    uint64_t status = read_number(from); /* 0 vacant, 1 pending, 2 active */
    if (status > 0) {
        for (int i = 0; i < 3; i++) read_bytes(from); /* generation, address, locale */
        skip_params(from);
        read_bytes(from); /* salt */
        read_bytes(from); /* hash */
    }
    if (status == 2) {
        read_bytes(from); /* the account's id */
        read_number(from); /* since when */
        read_byte(from); /* whether it is blocked */
        if (read_byte(from)) { read_bytes(from); read_bytes(from); read_number(from); } /* the new address, its generation, until when */
    }
    if (read_byte(from)) { read_number(from); read_number(from); read_byte(from); } /* the last mail: due, interval, left */
    if (read_byte(from)) read_number(from);                        /* the last notice */
    if (read_byte(from)) read_number(from);                        /* when it expires */
    row.len = (size_t)(from->at - row.at);
    return row;
}

/* The mails that were read with a row: these bytes are compared with those that were answered. */
static inline struct bytes read_waiting(struct reader *from) {
    struct bytes waiting = { from->at, 0 };
    for (uint64_t mails = read_number(from); mails > 0; mails--) {
        read_bytes(from);  /* id */
        read_number(from); /* purpose */
        read_bytes(from);  /* generation */
        if (read_number(from) == 0) read_number(from); /* free until */
        else read_bytes(from);                        /* held by */
    }
    waiting.len = (size_t)(from->at - waiting.at);
    return waiting;
}

/* Writes one waiting mail, or none: free at once, or held under the only lease. Both begin with the id (its length and 16 bytes),
 * the purpose and the generation. */
static inline void write_waiting(struct writer *to, const struct writer *mail, int waits, int held) {
    static const uint8_t lease[16];
    write_byte(to, (uint8_t)waits);
    if (!waits) return;
    write_raw(to, mail->at, 35), write_byte(to, (uint8_t)held);
    if (held) write_bytes(to, lease, sizeof lease);
    else write_number(to, 0);
}

#endif
