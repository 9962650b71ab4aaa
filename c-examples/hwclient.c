/* Hello World's client: a REQ socket that sends "Hello" to port 5555 ten times and waits for each answer. */
#include "zhelpers.h"

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("Connecting to hello world server...");

    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_REQ);
    int failed = zmq_connect(socket, "tcp://localhost:5555") != 0;

    for (int number = 0; number < 10 && !failed; number++) {
        printf("Sending Hello %d...\n", number);
        s_send(socket, "Hello");
        char *reply = s_recv(socket);
        if (reply)
            printf("Received %s %d\n", reply, number);
        else
            failed = 1;
        free(reply);
    }
    zmq_close(socket);
    zmq_ctx_destroy(context);
    return failed;
}
