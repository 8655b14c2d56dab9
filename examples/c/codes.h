/* The codes of one attempt, in memory: the newest three, each for its own lifetime, with the tries that they share. */
#ifndef CODES_H
#define CODES_H

#include <time.h>

#include "wire.h"

static struct {
    struct writer slot;         /* where they live */
    uint8_t mails[32][16];      /* the newest mails that have refilled the tries, in a ring */
    unsigned mail;
    uint8_t mac[3][32];
    uint64_t expires[3];
    int count, redeemed[3], tries;
} codes;

static uint64_t now(void) { return (uint64_t)time(NULL) * 1000000; } /* microseconds: the stores' clock */
static void keep(struct writer *place, struct octets what) { place->len = 0; write_raw(place, what.at, what.len); }
static int is(const struct writer *place, struct octets what) { return same((struct octets){ place->at, place->len }, what); }

static void put_code(struct reader *put) {
    struct octets slot = read_octets(put), mail = read_octets(put), mac = read_octets(put);
    uint64_t expires = now() + read_number(put);
    if (!is(&codes.slot, slot)) { memset(&codes, 0, sizeof codes); keep(&codes.slot, slot); }
    int known = 0;
    for (int i = 0; i < 32; i++) known |= !memcmp(codes.mails[i], mail.at, 16);
    if (!known) { codes.tries = read_octet(put); memcpy(codes.mails[codes.mail++ % 32], mail.at, 16); } /* once for each mail */
    int place = 0;
    while (place < codes.count && memcmp(codes.mac[place], mac.at, 32)) place++;
    if (place == 3) { /* the oldest one goes */
        memmove(codes.mac, codes.mac + 1, 64), memmove(codes.expires, codes.expires + 1, 2 * sizeof codes.expires[0]);
        memmove(codes.redeemed, codes.redeemed + 1, 2 * sizeof(int)), place = --codes.count;
    }
    if (place == codes.count) memcpy(codes.mac[codes.count++], mac.at, 32), codes.redeemed[place] = 0;
    codes.expires[place] = expires;
}

static int redeem(struct reader *order) {
    enum { MISSING, REDEEMED, EXHAUSTED, WRONG };
    int lives = 0, match = -1;
    if (!is(&codes.slot, read_octets(order))) return MISSING;
    for (uint64_t macs = read_number(order); macs > 0; macs--) {
        struct octets mac = read_octets(order);
        for (int i = 0; i < codes.count; i++)
            if (now() < codes.expires[i]) { lives = 1; if (!memcmp(codes.mac[i], mac.at, 32)) match = i; }
    }
    if (!lives) return MISSING;
    if (match >= 0 && codes.redeemed[match]) return REDEEMED; /* once more, at no cost */
    if (codes.tries == 0) return EXHAUSTED;
    codes.tries--; /* before the visitor learns anything */
    return match < 0 ? WRONG : (codes.redeemed[match] = 1, REDEEMED);
}

#endif
