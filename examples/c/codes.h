/* The codes of one attempt, in memory: the newest three, each for its own lifetime, with the tries that they share. */
#ifndef CODES_H
#define CODES_H

#include <time.h>

#include "wire.h"

static struct {
    struct writer slot;         /* where they live */
    uint8_t mails[32][16];      /* the newest mails that have refilled the tries, in a ring */
    unsigned mail;
    uint8_t mac[5][32], lease[5][16]; /* one more than are kept, for what moves down */
    uint64_t expires[5];
    int count, redeemed[5], tries;
} codes;

static uint64_t now(void) { return (uint64_t)time(NULL) * 1000000; } /* microseconds: the stores' clock */
static void keep(struct writer *place, struct octets what) { place->len = 0; write_raw(place, what.at, what.len); }
static int is(const struct writer *place, struct octets what) { return same((struct octets){ place->at, place->len }, what); }

/* The places move down by one; what was at one of them is gone. */
static void remove_code(int place) {
    size_t rest = (size_t)(--codes.count - place);
    memmove(codes.mac[place], codes.mac[place + 1], rest * 32), memmove(codes.lease[place], codes.lease[place + 1], rest * 16);
    memmove(codes.expires + place, codes.expires + place + 1, rest * sizeof codes.expires[0]);
    memmove(codes.redeemed + place, codes.redeemed + place + 1, rest * sizeof(int));
}

static void put_code(struct reader *put) {
    struct octets slot = read_octets(put), mail = read_octets(put);
    unsigned mails = read_octet(put), known = 0;
    struct octets lease = read_octets(put);
    uint8_t ends = read_octet(put);
    struct octets mac = read_octets(put);
    uint64_t lifetime = read_number(put), expires = now() + lifetime;
    uint8_t tries = read_octet(put), newest = read_octet(put);
    if (mails > 32 || newest > 3) { fputs("there is no room for so many codes\n", stderr); exit(1); }
    if (!is(&codes.slot, slot)) { memset(&codes, 0, sizeof codes); keep(&codes.slot, slot); }
    int place = 0;
    while (place < codes.count) { if (codes.expires[place] <= now()) remove_code(place); else place++; }
    for (place = 0; place < codes.count && memcmp(codes.mac[place], mac.at, 32);) place++;
    if (place == codes.count && lifetime > 0) {
        if (codes.count > newest) remove_code(0), place--; /* one more than are good: the newest may be taken back */
        memcpy(codes.mac[codes.count++], mac.at, 32), codes.redeemed[place] = 0;
        memcpy(codes.lease[place], lease.at, 16), codes.expires[place] = expires;
    } else if (place < codes.count && (!ends || !memcmp(codes.lease[place], lease.at, 16))) { /* else another lease has it */
        memcpy(codes.lease[place], lease.at, 16), codes.expires[place] = expires;
        if (lifetime == 0) remove_code(place);
    }
    for (unsigned i = 0; i < mails; i++) known |= !memcmp(codes.mails[i], mail.at, 16);
    if (!known && lifetime > 0) codes.tries = tries, memcpy(codes.mails[codes.mail++ % mails], mail.at, 16); /* once for each mail */
}

static int redeem(struct reader *order) {
    enum { MISSING, REDEEMED, EXHAUSTED, WRONG };
    struct octets slot = read_octets(order);
    int newest = read_octet(order), lives = 0, match = -1;
    if (!is(&codes.slot, slot)) return MISSING;
    for (uint64_t macs = read_number(order); macs > 0; macs--) {
        struct octets mac = read_octets(order);
        lives = 0;
        for (int i = codes.count - 1; i >= 0 && lives < newest; i--)
            if (now() < codes.expires[i]) { lives++; if (!memcmp(codes.mac[i], mac.at, 32)) match = i; }
    }
    if (!lives) return MISSING;
    if (match >= 0 && codes.redeemed[match]) return REDEEMED; /* once more, at no cost */
    if (codes.tries == 0) return EXHAUSTED;
    codes.tries--; /* before the visitor learns anything */
    return match < 0 ? WRONG : (codes.redeemed[match] = 1, REDEEMED);
}

#endif
