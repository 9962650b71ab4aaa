/*
 * One side of a conversation between two libraries. tests/interop.rs starts two of these, each with its own library.
 *
 *   peer TYPE bind|connect ENDPOINT ROLE COUNT SIZE SECURITY
 *
 * TYPE is a socket type such as REQ. Prints "endpoint E" once bound, and at the end "done". ROLE is one of
 *
 *   ask      sends COUNT messages and awaits each answer
 *   answer   sends each of COUNT messages back
 *   send     sends COUNT messages
 *   receive  receives COUNT messages
 *   publish  publishes COUNT messages once subscribed to, with others that nobody asked for in between; wants its
 *            standard input to end when the other side is done, and a PUB a line there when that side says "heard"
 *   collect  subscribes, receives COUNT messages and nothing else, and unsubscribes
 *
 * SECURITY is "null", or "null", "plain" or "curve" with "-client" or "-server". A server has a ZAP handler, in a thread
 * of its own, that lets in who knows the password, or has the key, and calls it by name; each message that the server
 * receives must know that name. A "curve-server-alone" has none, and lets in everybody.
 *
 * Message n of a direction is the same in every process: one to four parts, whose lengths go through the table below up
 * to SIZE and whose bytes are a function of n and the part's place. The receiver checks all of it, and the order.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

static const size_t LENGTHS[] = {0,    1,    2,     31,    32,    33,    34,      63,      64,      65,      254,  255, 256,
                                 257,  1000, 8183,  8191,  8192,  8193,  65535,   65536,   65537,   1 << 17, 1 << 20, 3};
enum { LENGTH_COUNT = sizeof LENGTHS / sizeof *LENGTHS };

static const char *type_name, *role;
static int type;
static void *context, *sock;
/* What the messages' sender must be called. */
static const char *user;

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s %s: ", type_name, role);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

static int check(int result, const char *what)
{
    if (result == -1)
        fail("%s: %s", what, zmq_strerror(zmq_errno()));
    return result;
}

/* What message n looks like. */

static int parts_of(int n)
{
    return 1 + n % 4;
}

static size_t length_of(int n, int part, size_t limit)
{
    /* A limit above the table asks for one message of just that length. */
    if (limit > LENGTHS[LENGTH_COUNT - 2])
        return part == 0 ? limit : 7;
    for (int i = n * 7 + part * 5;; i++)
        if (LENGTHS[i % LENGTH_COUNT] <= limit)
            return LENGTHS[i % LENGTH_COUNT];
}

static void fill(unsigned char *bytes, size_t length, int n, int part)
{
    uint32_t state = (uint32_t)n * 2654435761u + (uint32_t)part * 40503u + 1;
    for (size_t i = 0; i < length; i += sizeof state) {
        state = (state ^ state >> 15) * 1664525u + 1013904223u;
        memcpy(bytes + i, &state, length - i < sizeof state ? length - i : sizeof state);
    }
}

/* Sending and receiving, with what each socket type puts before the message. */

static void send_bytes(const void *bytes, size_t length, int more)
{
    int sent = check(zmq_send(sock, bytes, length, more ? ZMQ_SNDMORE : 0), "zmq_send");
    if ((size_t)sent != length)
        fail("zmq_send took %d bytes of %zu", sent, length);
}

/* Odd parts go by zmq_msg_send, even ones by zmq_send. */
static void send_message(int n, size_t limit)
{
    int parts = parts_of(n);
    for (int part = 0; part < parts; part++) {
        size_t length = length_of(n, part, limit);
        int more = part + 1 < parts;
        zmq_msg_t message;
        check(zmq_msg_init_size(&message, length), "zmq_msg_init_size");
        fill(zmq_msg_data(&message), length, n, part);
        if (part % 2) {
            check(zmq_msg_send(&message, sock, more ? ZMQ_SNDMORE : 0), "zmq_msg_send");
        } else {
            send_bytes(zmq_msg_data(&message), length, more);
            check(zmq_msg_close(&message), "zmq_msg_close");
        }
    }
}

/* Receives one part whose length must be `length` and whose bytes `expected`. */
static void receive_exactly(const void *expected, size_t length, int more)
{
    zmq_msg_t message;
    check(zmq_msg_init(&message), "zmq_msg_init");
    check(zmq_msg_recv(&message, sock, 0), "zmq_msg_recv");
    if (zmq_msg_size(&message) != length)
        fail("a part of %zu bytes instead of %zu", zmq_msg_size(&message), length);
    if (memcmp(zmq_msg_data(&message), expected, length) != 0)
        fail("a part of %zu bytes has others than it should", length);
    const char *from = zmq_msg_gets(&message, "User-Id");
    if (user ? !from || strcmp(from, user) != 0 : from != NULL)
        fail("a part of %zu bytes is from %s", length, from ? from : "nobody");
    if (zmq_msg_more(&message) != more)
        fail("after a part of %zu bytes, more is %d", length, zmq_msg_more(&message));
    check(zmq_msg_close(&message), "zmq_msg_close");
}

static void receive_message(int n, size_t limit)
{
    int parts = parts_of(n);
    for (int part = 0; part < parts; part++) {
        size_t length = length_of(n, part, limit);
        unsigned char *expected = malloc(length + 1);
        fill(expected, length, n, part);
        receive_exactly(expected, length, part + 1 < parts);
        free(expected);
    }
}

/* The envelope of a request: nothing for REQ and REP, which make their own, or for PAIR; a delimiter for a DEALER, which
 * does by hand what a REQ does; the peer's routing id, which both sides know, and the delimiter for a ROUTER. */
static const char *peer_id = "peer";

static void send_envelope(void)
{
    if (type == ZMQ_ROUTER)
        send_bytes(peer_id, strlen(peer_id), 1);
    if (type == ZMQ_ROUTER || type == ZMQ_DEALER)
        send_bytes("", 0, 1);
}

static void receive_envelope(void)
{
    if (type == ZMQ_ROUTER)
        receive_exactly(peer_id, strlen(peer_id), 1);
    if (type == ZMQ_ROUTER || type == ZMQ_DEALER)
        receive_exactly("", 0, 1);
}

/* A ROUTER can't send before its peer is there: with ZMQ_ROUTER_MANDATORY it says so. */
static void await_route(void)
{
    while (zmq_send(sock, peer_id, strlen(peer_id), ZMQ_SNDMORE) == -1) {
        if (zmq_errno() != EHOSTUNREACH)
            check(-1, "zmq_send");
        usleep(2000);
    }
    send_bytes("", 0, 1);
}

static void ask(int count, size_t limit)
{
    for (int n = 0; n < count; n++) {
        if (n == 0 && type == ZMQ_ROUTER)
            await_route();
        else
            send_envelope();
        send_message(n, limit);
        receive_envelope();
        receive_message(n, limit);
    }
}

static void answer(int count, size_t limit)
{
    for (int n = 0; n < count; n++) {
        receive_envelope();
        receive_message(n, limit);
        send_envelope();
        send_message(n, limit);
    }
}

static void send_all(int count, size_t limit)
{
    for (int n = 0; n < count; n++)
        send_message(n, limit);
}

static void receive_all(int count, size_t limit)
{
    for (int n = 0; n < count; n++)
        receive_message(n, limit);
}

/* Published messages have a topic first. "data" is subscribed to; "hello" too, until the publisher is known to have heard
 * of it; "other" never is. The message that ends it all is an empty one under "data". */

static void subscribe(int on, const char *topic)
{
    if (type == ZMQ_SUB) {
        check(zmq_setsockopt(sock, on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, topic, strlen(topic)), "ZMQ_SUBSCRIBE");
        return;
    }
    char message[16];
    message[0] = (char)on;
    strcpy(message + 1, topic);
    send_bytes(message, 1 + strlen(topic), 0);
}

static void await_subscription(int on, const char *topic)
{
    char message[16];
    message[0] = (char)on;
    strcpy(message + 1, topic);
    receive_exactly(message, 1 + strlen(topic), 0);
}

static void await_line(void)
{
    if (getchar() != '\n')
        fail("no word to go on");
}

static void publish(int count, size_t limit)
{
    if (type == ZMQ_XPUB) {
        await_subscription(1, "data");
        await_subscription(1, "hello");
    } else {
        /* A PUB doesn't learn of subscriptions: call until the test passes on that it was heard. */
        int in = 0;
        zmq_pollitem_t item = {NULL, STDIN_FILENO, ZMQ_POLLIN, 0};
        while (in == 0) {
            send_bytes("hello", 5, 0);
            in = check(zmq_poll(&item, 1, 5), "zmq_poll");
        }
        await_line();
    }
    if (type == ZMQ_XPUB)
        send_bytes("hello", 5, 0);
    for (int n = 0; n < count; n++) {
        send_bytes("other", 5, 1);
        send_bytes("dataless", 8, 0);
        send_bytes("data", 4, 1);
        send_message(n, limit);
    }
    send_bytes("data", 4, 0);
    if (type == ZMQ_XPUB) {
        await_subscription(0, "hello");
        await_subscription(0, "data");
    }
    /* Stay until the collector is gone, or its last words might linger for want of a listener. */
    while (getchar() != EOF)
        continue;
}

static void collect(int count, size_t limit)
{
    int hellos = 1;
    subscribe(1, "data");
    subscribe(1, "hello");
    receive_exactly("hello", 5, 0);
    puts("heard");
    for (int n = 0; n <= count; n++) {
        char topic[16];
        int length;
        do {
            length = check(zmq_recv(sock, topic, sizeof topic, 0), "zmq_recv");
        } while (length == 5 && memcmp(topic, "hello", 5) == 0 && n == 0 && hellos++);
        if (length != 4 || memcmp(topic, "data", 4) != 0)
            fail("message %d has the topic %.*s", n, length, topic);
        int more;
        size_t size = sizeof more;
        check(zmq_getsockopt(sock, ZMQ_RCVMORE, &more, &size), "ZMQ_RCVMORE");
        if (more != (n < count))
            fail("after the topic of message %d, more is %d", n, more);
        if (n < count)
            receive_message(n, limit);
    }
    subscribe(0, "hello");
    subscribe(0, "data");
}

/* Security. */

static const char *const SERVER_KEYS[] = {"pXBN{szDKk*+9PeO>Q.-Jedg2*eCF^4!NTF3>QGW",
                                          "Vg26dA]G<U^3<[%==z]-{X[dqHjxXP@X(&M*WfdB"};
static const char *const CLIENT_KEYS[] = {"P9w(+<<PlOUk.WD:q-sROe8uP30i4wK[P7Y=7fg$",
                                          "Nb#Wt3mi@Jy+B#p9@HU[s1QD1j@xM=iJ2oRa5d%9"};

static size_t receive_frame(void *handler, char *frame, size_t size)
{
    int length = zmq_recv(handler, frame, size - 1, 0);
    if (length == -1 && zmq_errno() != ETERM)
        check(-1, "zmq_recv of the ZAP handler");
    if (length >= (int)size)
        fail("a ZAP request has a frame of %d bytes", length);
    frame[length == -1 ? 0 : length] = 0;
    return length == -1 ? SIZE_MAX : (size_t)length;
}

/* Posted with each answer of the ZAP handler. */
static sem_t judged;

/* Answers requests until the context is terminated. */
static void *judge(void *handler)
{
    enum { VERSION, ID, DOMAIN, ADDRESS, ROUTING_ID, MECHANISM, FIRST, SECOND, FRAMES };
    char frames[FRAMES][256], key[41];
    while (receive_frame(handler, frames[VERSION], sizeof frames[0]) != SIZE_MAX) {
        int count = 1, more = 1;
        size_t size = sizeof more, last = 0;
        while (check(zmq_getsockopt(handler, ZMQ_RCVMORE, &more, &size), "ZMQ_RCVMORE"), more && count < FRAMES)
            last = receive_frame(handler, frames[count++], sizeof frames[0]);
        if (more || strcmp(frames[VERSION], "1.0") != 0 || strcmp(frames[DOMAIN], "test") != 0)
            fail("a ZAP request of %d frames, version %s, domain %s", count, frames[VERSION], frames[DOMAIN]);
        int good = count == FIRST && strcmp(frames[MECHANISM], "NULL") == 0;
        if (count == FRAMES && strcmp(frames[MECHANISM], "PLAIN") == 0)
            good = strcmp(frames[FIRST], "name") == 0 && strcmp(frames[SECOND], "password") == 0;
        if (count == SECOND && strcmp(frames[MECHANISM], "CURVE") == 0 && last == 32)
            good = strcmp(zmq_z85_encode(key, (uint8_t *)frames[FIRST], 32), CLIENT_KEYS[0]) == 0;
        const char *answer[] = {"1.0", frames[ID], good ? "200" : "400", "text", "client", ""};
        for (int i = 0; i < 6; i++)
            check(zmq_send(handler, answer[i], strlen(answer[i]), i < 5 ? ZMQ_SNDMORE : 0), "zmq_send of the ZAP handler");
        sem_post(&judged);
    }
    check(zmq_close(handler), "zmq_close of the ZAP handler");
    return NULL;
}

static void set_text(int option, const char *value)
{
    check(zmq_setsockopt(sock, option, value, strlen(value)), value);
}

static void secure(const char *security)
{
    int on = 1;
    if (strcmp(security, "null") == 0 || strcmp(security, "null-client") == 0)
        return;
    if (strcmp(security, "plain-client") == 0) {
        set_text(ZMQ_PLAIN_USERNAME, "name");
        set_text(ZMQ_PLAIN_PASSWORD, "password");
        return;
    }
    if (strcmp(security, "curve-client") == 0) {
        set_text(ZMQ_CURVE_SERVERKEY, SERVER_KEYS[0]);
        set_text(ZMQ_CURVE_PUBLICKEY, CLIENT_KEYS[0]);
        set_text(ZMQ_CURVE_SECRETKEY, CLIENT_KEYS[1]);
        return;
    }
    if (strcmp(security, "plain-server") == 0) {
        check(zmq_setsockopt(sock, ZMQ_PLAIN_SERVER, &on, sizeof on), "ZMQ_PLAIN_SERVER");
    } else if (strncmp(security, "curve-server", strlen("curve-server")) == 0) {
        check(zmq_setsockopt(sock, ZMQ_CURVE_SERVER, &on, sizeof on), "ZMQ_CURVE_SERVER");
        set_text(ZMQ_CURVE_SECRETKEY, SERVER_KEYS[1]);
        if (strcmp(security, "curve-server-alone") == 0)
            return;
    } else if (strcmp(security, "null-server") != 0) {
        fail("there is no security %s", security);
    }
    set_text(ZMQ_ZAP_DOMAIN, "test");
    user = "client";
    pthread_t thread;
    sem_init(&judged, 0, 0);
    void *handler = zmq_socket(context, ZMQ_REP);
    check(zmq_bind(handler, "inproc://zeromq.zap.01"), "zmq_bind of the ZAP handler");
    if (pthread_create(&thread, NULL, judge, handler) != 0)
        fail("no thread for the ZAP handler");
    pthread_detach(thread);
}

static int type_of(const char *name)
{
    static const char *const NAMES[] = {"PAIR",   "PUB",  "SUB",  "REQ",  "REP", "DEALER",
                                        "ROUTER", "PULL", "PUSH", "XPUB", "XSUB"};
    for (int i = 0; i < (int)(sizeof NAMES / sizeof *NAMES); i++)
        if (strcmp(NAMES[i], name) == 0)
            return i;
    return -1;
}

static void set(void *socket, int option, int value)
{
    check(zmq_setsockopt(socket, option, &value, sizeof value), "zmq_setsockopt");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*play)(int, size_t);
    } ROLES[] = {{"ask", ask},         {"answer", answer},   {"send", send_all},
                 {"receive", receive_all}, {"publish", publish}, {"collect", collect}};

    if (argc != 8) {
        fprintf(stderr, "usage: peer TYPE bind|connect ENDPOINT ROLE COUNT SIZE SECURITY\n");
        return 2;
    }
    type_name = argv[1];
    role = argv[4];
    type = type_of(type_name);
    alarm(90);
    setvbuf(stdout, NULL, _IOLBF, 0);

    context = zmq_ctx_new();
    sock = zmq_socket(context, type);
    if (!sock)
        check(-1, "zmq_socket");
    /* No message may be dropped; none may be stuck for ever. */
    set(sock, ZMQ_SNDHWM, 0);
    set(sock, ZMQ_RCVHWM, 0);
    set(sock, ZMQ_LINGER, 30000);
    set(sock, ZMQ_RCVTIMEO, 60000);
    if (type == ZMQ_ROUTER)
        set(sock, ZMQ_ROUTER_MANDATORY, 1);
    if (type != ZMQ_PUB && type != ZMQ_SUB)
        check(zmq_setsockopt(sock, ZMQ_ROUTING_ID, peer_id, strlen(peer_id)), "ZMQ_ROUTING_ID");

    secure(argv[7]);
    if (strcmp(argv[2], "bind") == 0) {
        char endpoint[256];
        size_t size = sizeof endpoint;
        check(zmq_bind(sock, argv[3]), "zmq_bind");
        check(zmq_getsockopt(sock, ZMQ_LAST_ENDPOINT, endpoint, &size), "ZMQ_LAST_ENDPOINT");
        printf("endpoint %s\n", endpoint);
    } else {
        check(zmq_connect(sock, argv[3]), "zmq_connect");
    }

    size_t i = 0;
    while (strcmp(ROLES[i].name, role) != 0)
        if (++i == sizeof ROLES / sizeof *ROLES)
            fail("there is no such role");
    ROLES[i].play(atoi(argv[5]), (size_t)atol(argv[6]));

    /* The handler ends with the context: a connection that comes after that would be refused, messages and all. */
    if (user)
        sem_wait(&judged);
    check(zmq_close(sock), "zmq_close");
    check(zmq_ctx_term(context), "zmq_ctx_term");
    puts("done");
    return 0;
}
