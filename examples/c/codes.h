/* The codes of one attempt, in memory: the newest three, each with its own lifetime, and the tries that they share. */
#ifndef CODES_H
#define CODES_H

#include <time.h>

#include "wire.h"

static struct {
    struct writer slot;         /* the slot of these codes */
    uint8_t mails[32][16];      /* the newest mails that have refilled the tries, in a ring */
    unsigned mail;
    uint8_t mac[5][32], lease[5][16]; /* one more than are kept, since entries move down */
    uint64_t expires[5];
    int count, redeemed[5], tries;
} codes;

static uint64_t now(void) { return (uint64_t)time(NULL) * 1000000; } /* microseconds: the stores' clock */
static void keep(struct writer *place, struct bytes what) { place->len = 0; write_raw(place, what.at, what.len); }
static int is(const struct writer *place, struct bytes what) { return same((struct bytes){ place->at, place->len }, what); }

/* Removes the code at a place; later ones move down by one. */
static void remove_code(int place) {
    size_t rest = (size_t)(--codes.count - place);
    memmove(codes.mac[place], codes.mac[place + 1], rest * 32), memmove(codes.lease[place], codes.lease[place + 1], rest * 16);
    memmove(codes.expires + place, codes.expires + place + 1, rest * sizeof codes.expires[0]);
    memmove(codes.redeemed + place, codes.redeemed + place + 1, rest * sizeof(int));
}

static void put_code(struct reader *put) {
    struct bytes slot = read_bytes(put), mail = read_bytes(put);
    unsigned mails = read_byte(put), known = 0;
    struct bytes lease = read_bytes(put);
    uint8_t ends = read_byte(put);
    struct bytes mac = read_bytes(put);
    uint64_t lifetime = read_number(put), expires = now() + lifetime;
    uint8_t tries = read_byte(put), newest = read_byte(put);
    if (mails > 32 || newest > 3) { fputs("there is no room for so many codes\n", stderr); exit(1); }
    if (!is(&codes.slot, slot)) { memset(&codes, 0, sizeof codes); keep(&codes.slot, slot); }
    int place = 0;
    while (place < codes.count) { if (codes.expires[place] <= now()) remove_code(place); else place++; }
    for (place = 0; place < codes.count && memcmp(codes.mac[place], mac.at, 32);) place++;
    if (place == codes.count && lifetime > 0) {
        if (codes.count > newest) remove_code(0), place--; /* one more than are valid: the newest may be removed */
        memcpy(codes.mac[codes.count++], mac.at, 32), codes.redeemed[place] = 0;
        memcpy(codes.lease[place], lease.at, 16), codes.expires[place] = expires;
    } else if (place < codes.count && (!ends || !memcmp(codes.lease[place], lease.at, 16))) { /* otherwise another lease has it */
        memcpy(codes.lease[place], lease.at, 16), codes.expires[place] = expires;
        if (lifetime == 0) remove_code(place);
    }
    for (unsigned i = 0; i < mails; i++) known |= !memcmp(codes.mails[i], mail.at, 16);
    if (!known && lifetime > 0) codes.tries = tries, memcpy(codes.mails[codes.mail++ % mails], mail.at, 16); /* once for each mail */
}

static int redeem(struct reader *order) {
    enum { MISSING, REDEEMED, EXHAUSTED, WRONG };
    struct bytes slot = read_bytes(order);
    int newest = read_byte(order), lives = 0, match = -1;
    if (!is(&codes.slot, slot)) return MISSING;
    for (uint64_t macs = read_number(order); macs > 0; macs--) {
        struct bytes mac = read_bytes(order);
        lives = 0;
        for (int i = codes.count - 1; i >= 0 && lives < newest; i--)
            if (now() < codes.expires[i]) { lives++; if (!memcmp(codes.mac[i], mac.at, 32)) match = i; }
    }
    if (!lives) return MISSING;
    if (match >= 0 && codes.redeemed[match]) return REDEEMED; /* again: no try is counted */
    if (codes.tries == 0) return EXHAUSTED;
    codes.tries--; /* before the visitor learns anything */
    return match < 0 ? WRONG : (codes.redeemed[match] = 1, REDEEMED);
}

#endif
