// go-tus: ENDPOINT FILE STATE CHUNK_BYTES; 0 leaves the size of a chunk as it is by default.
package main

import (
	"log"
	"os"
	"strconv"

	tus "github.com/eventials/go-tus"
)

// kept holds the one upload's address in a file, so that the next process finds it.
type kept string

func (path kept) Get(string) (string, bool) {
	url, err := os.ReadFile(string(path))
	return string(url), err == nil
}

func (path kept) Set(_, url string) {
	if err := os.WriteFile(string(path), []byte(url), 0o600); err != nil {
		log.Fatal(err)
	}
}

func (path kept) Delete(string) {}
func (path kept) Close()        {}

func attempt(client *tus.Client, name string) error {
	file, err := os.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	upload, err := tus.NewUploadFromFile(file)
	if err != nil {
		return err
	}
	uploader, err := client.CreateOrResumeUpload(upload)
	if err != nil {
		return err
	}
	return uploader.Upload()
}

func main() {
	config := tus.DefaultConfig()
	config.Resume = true
	config.Store = kept(os.Args[3])
	if chunk, _ := strconv.ParseInt(os.Args[4], 10, 64); chunk > 0 {
		config.ChunkSize = chunk
	}
	client, err := tus.NewClient(os.Args[1], config)
	if err != nil {
		log.Fatal(err)
	}
	for tries := 0; tries < 20; tries++ {
		if err = attempt(client, os.Args[2]); err == nil {
			return
		}
		log.Print(err)
	}
	os.Exit(1)
}
