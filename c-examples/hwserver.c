/* Hello World's server: a REP socket on port 5555 that answers each request with "World" after a second's work. */
#include "zhelpers.h"

int main(void)
{
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_REP);

    if (zmq_bind(socket, "tcp://*:5555") != 0) {
        perror("tcp://*:5555");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;;) {
        char *request = s_recv(socket);
        if (!request)
            break;
        printf("Received %s\n", request);
        free(request);
        s_sleep(1000);
        s_send(socket, "World");
    }
    zmq_close(socket);
    zmq_ctx_destroy(context);
    return 0;
}
