// The application that scenarios deploy: a web server that says when it is ready, logs which version
// of it serves, and tells that to whoever runs `workload version` in its container. One static file,
// so that an image needs nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const address = ":8080"

func main() {
	version := os.Getenv("VERSION")
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println("version", version)
		return
	}
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(answer, "version", version)
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-stop.Done()
		server.Close()
	}()
	log.Printf("version %s serves at %s", version, address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}
