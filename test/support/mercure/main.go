// A Mercure hub for tests: github.com/dunglas/mercure as a library, with its updates in a file, so that they outlive a restart.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/dunglas/mercure"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	key := flag.String("key", "", "the key of tokens (HS256)")
	file := flag.String("file", "", "where updates are kept")
	flag.Parse()
	if err := serve(context.Background(), *address, []byte(*key), *file); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, address string, key []byte, file string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	transport, err := mercure.NewBoltTransport(mercure.NewSubscriberList(0), logger, file, "updates", 0, 0)
	if err != nil {
		return err
	}
	hub, err := mercure.NewHub(
		ctx,
		mercure.WithAnonymous(),
		mercure.WithCORSOrigins([]string{"*"}),
		mercure.WithLogger(logger),
		mercure.WithPublisherJWT(key, "HS256"),
		mercure.WithSubscriberJWT(key, "HS256"),
		mercure.WithTransport(transport),
	)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s%s\n", listener.Addr(), "/.well-known/mercure")
	return http.Serve(listener, hub)
}
