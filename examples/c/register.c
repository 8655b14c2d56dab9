/* A host in C with room for one account: registers it, prints the mail, and activates it with the typed code.
 *
 *     register ada@example.org correct-horse-battery
 */
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "auth_core.h"
#include "codes.h"
#include "wire.h"

static AuthRules *rules;
static AuthBuffer password; /* outside the flows */
static struct { uint64_t version; struct writer key, row, mail; int waits, held; } account;

/* Carries an order out, and writes the answer after its ticket. */
static void carry_out(struct reader *order, struct writer *answer) {
    uint64_t kind = read_number(order);
    uint8_t drawn[32];
    write_byte(answer, 0), write_byte(answer, (uint8_t)kind);
    switch (kind) {
    case 0: write_byte(answer, 0); break; /* admit: nobody else is here */
    case 1: if (RAND_bytes(drawn, 32) != 1) exit(1); write_bytes(answer, drawn, 32); break;
    case 2: /* find-account */
        write_number(answer, now()), write_byte(answer, account.version > 0);
        if (account.version > 0) write_number(answer, account.version), write_raw(answer, account.row.at, account.row.len);
        write_waiting(answer, &account.mail, account.waits, account.held); break;
    case 3: { /* hash-password: by scrypt, the policy's function */
        struct bytes salt = read_bytes(order), params = { order->at, 0 };
        read_number(order);
        uint64_t n = 1ull << read_byte(order), r = read_byte(order), p = read_byte(order);
        params.len = (size_t)(order->at - params.at);
        if (!EVP_PBE_scrypt((char *)password.data, password.len, salt.at, salt.len, n, r, p, 1 << 30, drawn, 32)) exit(1);
        write_raw(answer, params.at, params.len), write_bytes(answer, drawn, 32); break; }
    case 4: { /* commit-account; no row is deleted, so version and mail show whether anything has changed */
        struct writer mails = { { 0 }, 0 };
        if (read_number(order) != 1) { not_done(answer); break; } /* what registers and activates changes one row */
        keep(&account.key, read_bytes(order)), write_waiting(&mails, &account.mail, account.waits, account.held);
        if (read_number(order) != account.version || (skip_option(order), !is(&mails, read_waiting(order))) || read_number(order) < now()) { write_byte(answer, 1); break; }
        account.version++, keep(&account.row, read_row(order));
        if (read_byte(order) && read_number(order) == 0) /* a mail is owed; the begin of one matters to other workers only */
            account.waits = 1, keep(&account.mail, (struct bytes){ order->at, (size_t)(order->end - order->at) - 1 }); /* then 0: no sessions end */
        write_byte(answer, 0); break; }
    case 5: put_code(order); break;
    case 6: write_byte(answer, (uint8_t)redeem(order)); break;
    case 7: { /* send-mail */
        struct bytes to = (read_bytes(order), read_bytes(order)), code = { (const uint8_t *)"you have an account", 19 };
        read_bytes(order);
        if (read_number(order) == 0) code = read_bytes(order);
        printf("mail to %.*s: %.*s\n", (int)to.len, to.at, (int)code.len, code.at);
        write_byte(answer, 0); break; }
    case 8: account.waits = account.held = 0, write_byte(answer, 0); break; /* settle-mail: one worker, and every mail arrives */
    case 9: /* find-session */
    case 10: not_done(answer); break; /* put-session: nobody logs in here */
    default: fprintf(stderr, "this host does not know order %d\n", (int)kind), exit(1);
    }
}

/* Runs a flow to its end and returns what it discloses: the number of a case, or -1 if the typed code is impossible. */
static int64_t drive(const struct writer *input) {
    AuthFlow *flow = NULL;
    AuthStatus status = auth_flow_start(rules, input->at, input->len, &flow);
    if (status == AUTH_STATUS_CODE) return -1;
    if (status != AUTH_STATUS_OK) { fprintf(stderr, "the flow cannot start: status %d\n", status); exit(1); }
    for (AuthBuffer taken; (taken = auth_flow_take(flow)).data; auth_buffer_free(taken)) {
        struct reader order = { taken.data + 1, taken.data + taken.len };
        struct bytes ticket = read_bytes(&order);
        struct writer answer = { { WIRE_VERSION }, 1 };
        write_bytes(&answer, ticket.at, ticket.len);
        carry_out(&order, &answer);
        if (auth_flow_answer(flow, answer.at, answer.len) != AUTH_STATUS_OK) exit(1);
    }
    AuthBuffer ended = auth_flow_outcome(flow);
    struct reader outcome = { ended.data + 1, ended.data + ended.len };
    if (read_number(&outcome) != 0) exit(1); /* broken: answer 503 */
    int64_t disclosed = (read_number(&outcome), (int64_t)read_number(&outcome)); /* the flow, then what it discloses */
    return auth_buffer_free(ended), auth_flow_free(flow), disclosed;
}

int main(int count, char **words) {
    static const uint8_t client[] = { 4, 192, 0, 2, 7 }; /* its length and bytes */
    if (count != 3) { fputs("usage: register ADDRESS PASSWORD, then codes line by line\n", stderr); return 2; }
    setvbuf(stdout, NULL, _IOLBF, 0); /* flush each line, into a pipe, too */
    password = auth_password_normalize((const uint8_t *)words[2], strlen(words[2]));
    uint8_t key[32]; /* in production it is stored; here it lasts as long as the codes do */
    if (RAND_bytes(key, 32) != 1 || auth_rules_new(NULL, 0, key, 32, &rules) != AUTH_STATUS_OK) return 1;
    /* A real host estimates the password, at a bounded cost: docs/embedding.md. */
    if (!password.data || auth_rules_judge(rules, password.data, password.len, 4, false) != AUTH_STATUS_OK)
        return fputs("the password is too weak\n", stderr), 1;
    struct writer enrol = { { WIRE_VERSION, 0 }, 2 }; /* Register: address, no weakness, client, locale */
    write_bytes(&enrol, words[1], strlen(words[1])), write_byte(&enrol, 0);
    write_raw(&enrol, client, sizeof client), write_bytes(&enrol, "en", 2);
    printf("%s\n", drive(&enrol) == 0 ? "accepted" : "refused");
    if (account.waits) {
        account.held = 1;
        struct writer deliver = { { WIRE_VERSION, 3 }, 2 }; /* Deliver: lease, key, mail, attempts, unknowns */
        write_raw(&deliver, account.mail.at, 17); /* a mail begins with its id: its length and 16 bytes */
        write_bytes(&deliver, (uint8_t[16]){ 0 }, 16), write_bytes(&deliver, account.key.at, account.key.len);
        write_raw(&deliver, account.mail.at, account.mail.len), write_number(&deliver, 1), write_byte(&deliver, 0);
        drive(&deliver);
    }
    for (char code[64]; fgets(code, sizeof code, stdin);) {
        struct writer activate = { { WIRE_VERSION, 1 }, 2 }; /* Activate: address, code, client */
        write_bytes(&activate, words[1], strlen(words[1])), write_bytes(&activate, code, strcspn(code, "\n"));
        write_raw(&activate, client, sizeof client);
        int64_t disclosed = drive(&activate); /* 0: activated */
        puts(disclosed < 0 ? "a code has six digits" : disclosed == 0 ? "activated" : "refused");
    }
    return auth_buffer_free(password), auth_rules_free(rules), 0;
}
