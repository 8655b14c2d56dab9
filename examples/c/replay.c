/* Replays scripts from the standard input, a word and bytes in each line: `policy` in JSON, `keys`, `input`, then for each step `order`
 * and `answer`, then `outcome` and `snapshot`. At each step the flow is written to a snapshot and restored. */
#include "auth_core.h"
#include "wire.h"

static char word[16], text[1 << 16], policy[1 << 16];
static uint8_t line_bytes[1 << 15];

static void check(int holds, const char *what) {
    if (!holds) { fprintf(stderr, "%s: %s\n", word, what); exit(1); }
}

static struct bytes line(void) {
    size_t len = strlen(text) / 2;
    for (size_t i = 0; i < len; i++) check(sscanf(text + 2 * i, "%2hhx", &line_bytes[i]) == 1, "no bytes");
    return (struct bytes){ line_bytes, len };
}

static void is_line(AuthBuffer found) {
    check(same((struct bytes){ found.data, found.len }, line()), "other bytes");
    auth_buffer_free(found);
}

int main(void) {
    AuthRules *rules = NULL;
    AuthFlow *flow = NULL;
    int replayed = 0;
    while (scanf("%15s %65535[^\n]", word, text) == 2) {
        if (!strcmp(word, "policy")) {
            memcpy(policy, text, sizeof text);
        } else if (!strcmp(word, "keys")) {
            struct bytes keys = line();
            check(auth_rules_new((uint8_t *)policy, strlen(policy), keys.at, keys.len, &rules) == AUTH_STATUS_OK, "no rules");
        } else if (!strcmp(word, "input")) {
            struct bytes input = line();
            check(auth_flow_start(rules, input.at, input.len, &flow) == AUTH_STATUS_OK, "the flow does not start");
        } else if (!strcmp(word, "order")) {
            check(auth_flow_outcome(flow).data == NULL && auth_flow_waits_for(flow) >= 0, "the flow has ended");
            AuthBuffer snapshot = auth_flow_snapshot(flow);
            auth_flow_free(flow);
            check(auth_flow_restore(rules, snapshot.data, snapshot.len, &flow) == AUTH_STATUS_OK, "the snapshot is not restored");
            auth_buffer_free(snapshot);
            is_line(auth_flow_take(flow));
            check(auth_flow_take(flow).data == NULL, "the order is taken twice");
        } else if (!strcmp(word, "answer")) {
            struct bytes answer = line();
            check(auth_flow_answer(flow, answer.at, answer.len) == AUTH_STATUS_OK, "the answer is refused");
            AuthBuffer before = auth_flow_snapshot(flow);
            check(auth_flow_answer(flow, answer.at, answer.len) == AUTH_STATUS_ALREADY_ANSWERED, "the answer is accepted twice");
            AuthBuffer after = auth_flow_snapshot(flow);
            check(same((struct bytes){ before.data, before.len }, (struct bytes){ after.data, after.len }), "the flow was changed");
            auth_buffer_free(before), auth_buffer_free(after);
        } else if (!strcmp(word, "outcome")) {
            check(auth_flow_take(flow).data == NULL && auth_flow_waits_for(flow) == -1, "something waits");
            is_line(auth_flow_outcome(flow));
        } else if (!strcmp(word, "snapshot")) {
            is_line(auth_flow_snapshot(flow));
            auth_flow_free(flow), auth_rules_free(rules);
            replayed++;
        } else {
            check(0, "unknown word");
        }
    }
    check(feof(stdin), "a line cannot be read");

    /* Mistakes of the host return a status. */
    uint8_t key[32] = { 7 };
    check(auth_rules_new(NULL, 0, key, 31, &rules) == AUTH_STATUS_CODE_KEYS, "31 bytes are accepted as a key");
    check(auth_rules_new((const uint8_t *)"{}", 2, key, 32, &rules) == AUTH_STATUS_POLICY, "an empty policy is accepted");
    check(auth_rules_new(NULL, 0, NULL, 0, &rules) == AUTH_STATUS_NULL, "no key");
    check(rules == NULL, "the pointer is not null");
    AuthBuffer documented = auth_default_policy();
    check(auth_rules_new(documented.data, documented.len, key, 32, &rules) == AUTH_STATUS_OK, "the documented policy is rejected");
    auth_buffer_free(documented);
    check(auth_flow_start(rules, key, 32, &flow) == AUTH_STATUS_VERSION, "another encoding");
    key[0] = WIRE_VERSION;
    check(auth_flow_start(rules, key, 32, &flow) == AUTH_STATUS_MALFORMED, "no input");
    check(auth_flow_restore(rules, key, 32, &flow) != AUTH_STATUS_OK, "no snapshot");
    check(auth_rules_judge(rules, (const uint8_t *)"short", 5, 4, false) == AUTH_STATUS_PASSWORD_TOO_SHORT, "short");
    check(auth_rules_judge(rules, (const uint8_t *)"\xff", 1, 4, false) == AUTH_STATUS_PASSWORD_UNUSABLE, "no UTF-8");
    const char apart[] = "cafe\xcc\x81-au-lait", together[] = "caf\xc3\xa9-au-lait";
    AuthBuffer same_one = auth_password_normalize((const uint8_t *)apart, strlen(apart));
    check(same((struct bytes){ same_one.data, same_one.len }, (struct bytes){ (const uint8_t *)together, strlen(together) }), "NFC");
    auth_buffer_free(same_one);
    check(auth_password_normalize((const uint8_t *)"", 0).data == NULL, "no password");
    check(auth_flow_take(NULL).data == NULL && auth_flow_answer(NULL, key, 1) == AUTH_STATUS_NULL, "null");
    auth_flow_free(NULL), auth_rules_free(rules);
    printf("%d scripts replayed\n", replayed);
    return 0;
}
