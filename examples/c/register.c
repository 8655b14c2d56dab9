/* A host in C with room for one account: registers it, prints the mail, and activates it with the code that is typed.
 *
 *     register ada@example.org correct-horse-battery
 */
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "auth_core.h"
#include "codes.h"
#include "wire.h"

static AuthRules *rules;
static AuthBuffer password; /* beside every flow, in none */
static struct { uint64_t version; struct writer key, row, mail; int waits, held; } account;

/* Carries an order out, and writes the answer behind its ticket. */
static void carry_out(struct reader *order, struct writer *answer) {
    uint64_t kind = read_number(order);
    uint8_t drawn[32];
    write_octet(answer, 0), write_octet(answer, (uint8_t)kind);
    switch (kind) {
    case 0: write_octet(answer, 0); break; /* admit: nobody else is here */
    case 1: if (RAND_bytes(drawn, 32) != 1) exit(1); write_octets(answer, drawn, 32); break;
    case 2: /* find-account */
        write_number(answer, now()), write_octet(answer, account.version > 0);
        if (account.version > 0) write_number(answer, account.version), write_raw(answer, account.row.at, account.row.len);
        write_waiting(answer, &account.mail, account.waits, account.held); break;
    case 3: { /* hash-password: by scrypt, as the policy says */
        struct octets salt = read_octets(order), params = { order->at, 0 };
        read_number(order);
        uint64_t n = 1ull << read_octet(order), r = read_octet(order), p = read_octet(order);
        params.len = (size_t)(order->at - params.at);
        if (!EVP_PBE_scrypt((char *)password.data, password.len, salt.at, salt.len, n, r, p, 1 << 30, drawn, 32)) exit(1);
        write_raw(answer, params.at, params.len), write_octets(answer, drawn, 32); break; }
    case 4: { /* commit-account; no row is deleted, so version and mail tell whether it is what was read */
        struct writer mails = { { 0 }, 0 };
        keep(&account.key, read_octets(order)), write_waiting(&mails, &account.mail, account.waits, account.held);
        if (read_number(order) != account.version || (skip_option(order), !is(&mails, read_waiting(order))) || read_number(order) < now()) { write_octet(answer, 1); break; }
        account.version++, keep(&account.row, read_row(order));
        if (read_octet(order) && read_number(order) == 0) /* a mail is owed; that one begins concerns other workers */
            account.waits = 1, keep(&account.mail, (struct octets){ order->at, (size_t)(order->end - order->at) });
        write_octet(answer, 0); break; }
    case 5: put_code(order); break;
    case 6: write_octet(answer, (uint8_t)redeem(order)); break;
    case 7: { /* send-mail */
        read_octets(order);
        struct octets to = read_octets(order), code = { (const uint8_t *)"you have an account", 19 };
        read_octets(order);
        if (read_number(order) == 0) code = read_octets(order);
        printf("mail to %.*s: %.*s\n", (int)to.len, to.at, (int)code.len, code.at);
        write_octet(answer, 0); break; }
    case 8: /* settle-mail: one worker, and every mail arrives */
        account.waits = account.held = 0, write_octet(answer, 0); break;
    default: fprintf(stderr, "this host does not know order %d\n", (int)kind), exit(1);
    }
}

/* Runs a flow to its end and returns what is told: the number of a case, or -1 if what was typed is no code. */
static int64_t drive(const struct writer *input) {
    AuthFlow *flow = NULL;
    AuthStatus status = auth_flow_start(rules, input->at, input->len, &flow);
    if (status == AUTH_STATUS_CODE) return -1;
    if (status != AUTH_STATUS_OK) { fprintf(stderr, "it cannot start: %d\n", status); exit(1); }
    for (AuthBuffer taken; (taken = auth_flow_take(flow)).data; auth_buffer_free(taken)) {
        struct reader order = { taken.data + 1, taken.data + taken.len };
        struct octets ticket = read_octets(&order);
        struct writer answer = { { 2 }, 1 };
        write_octets(&answer, ticket.at, ticket.len);
        carry_out(&order, &answer);
        if (auth_flow_answer(flow, answer.at, answer.len) != AUTH_STATUS_OK) exit(1);
    }
    AuthBuffer ended = auth_flow_outcome(flow);
    struct reader outcome = { ended.data + 1, ended.data + ended.len };
    if (read_number(&outcome) != 0) exit(1); /* broken: answer 503 */
    int64_t told = (read_number(&outcome), (int64_t)read_number(&outcome)); /* of which flow, and what */
    auth_buffer_free(ended), auth_flow_free(flow);
    return told;
}

int main(int count, char **words) {
    static const uint8_t client[] = { 0, 192, 0, 2, 7 };
    if (count != 3) { fputs("usage: register ADDRESS PASSWORD, then codes line by line\n", stderr); return 2; }
    setvbuf(stdout, NULL, _IOLBF, 0); /* each line when it is written, into a pipe, too */
    password = auth_password_normalize((const uint8_t *)words[2], strlen(words[2]));
    uint8_t key[32]; /* in production it is kept; here it lasts as long as the codes do */
    if (RAND_bytes(key, 32) != 1 || auth_rules_new(NULL, 0, key, 32, &rules) != AUTH_STATUS_OK) return 1;
    /* A real host estimates the password, at a bounded cost: docs/embedding.md. */
    if (!password.data || auth_rules_judge(rules, password.data, password.len, 4, false) != AUTH_STATUS_OK)
        return fputs("the password is too weak\n", stderr), 1;
    struct writer enrol = { { 2, 0 }, 2 }; /* Register: address, no weakness, client, locale */
    write_octets(&enrol, words[1], strlen(words[1])), write_octet(&enrol, 0);
    write_raw(&enrol, client, sizeof client), write_octets(&enrol, "en", 2);
    printf("%s\n", drive(&enrol) == 0 ? "accepted" : "refused");
    if (account.waits) {
        account.held = 1;
        struct writer deliver = { { 2, 3 }, 2 }; /* Deliver: lease, key, mail, attempts, unknowns */
        write_raw(&deliver, account.mail.at, 17); /* a mail begins with its id, 16 octets behind their length */
        write_octets(&deliver, (uint8_t[16]){ 0 }, 16), write_octets(&deliver, account.key.at, account.key.len);
        write_raw(&deliver, account.mail.at, account.mail.len), write_number(&deliver, 1), write_octet(&deliver, 0);
        drive(&deliver);
    }
    for (char code[64]; fgets(code, sizeof code, stdin);) {
        struct writer activate = { { 2, 1 }, 2 }; /* Activate: address, code, client */
        write_octets(&activate, words[1], strlen(words[1])), write_octets(&activate, code, strcspn(code, "\n"));
        write_raw(&activate, client, sizeof client);
        int64_t told = drive(&activate); /* 0: activated */
        puts(told < 0 ? "a code has six digits" : told == 0 ? "activated" : "refused");
    }
    return auth_buffer_free(password), auth_rules_free(rules), 0;
}
