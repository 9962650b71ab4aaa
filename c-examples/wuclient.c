/* A weather client: a SUB socket that takes a hundred updates for one zip code from port 5556 and prints their average
 * temperature. The zip code is the first argument, or else New York's. */
#include "zhelpers.h"

int main(int argc, char **argv)
{
    const int wanted = 100;
    const char *filter = argc > 1 ? argv[1] : "10001 ";
    long sum = 0;
    int count = 0;

    puts("Collecting updates from weather server...");
    void *context = zmq_ctx_new();
    void *subscriber = zmq_socket(context, ZMQ_SUB);
    if (zmq_connect(subscriber, "tcp://localhost:5556") != 0
        || zmq_setsockopt(subscriber, ZMQ_SUBSCRIBE, filter, strlen(filter)) != 0) {
        perror("tcp://localhost:5556");
        return 1;
    }

    while (count < wanted) {
        int zipcode, temperature, humidity;
        char *update = s_recv(subscriber);
        if (!update)
            break;
        if (sscanf(update, "%d %d %d", &zipcode, &temperature, &humidity) == 3) {
            sum += temperature;
            count++;
        }
        free(update);
    }
    if (count > 0)
        printf("Average temperature for zipcode '%s' was %dF\n", filter, (int)(sum / count));

    zmq_close(subscriber);
    zmq_ctx_destroy(context);
    return count < wanted;
}
