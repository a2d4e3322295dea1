// A tus server of one file, for tests: "locked ROOT PORT" serves the uploads in ROOT, however many
// replicas do. Whoever appends holds flock on the upload while it compares the offset, writes and syncs.
// "locked ROOT PORT unlocked" is the planted twin: it takes no lock. Standard library only.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

var (
	root     string
	unlocked bool
)

func main() {
	root = os.Args[1]
	unlocked = len(os.Args) > 3 && os.Args[3] == "unlocked"
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[2], http.HandlerFunc(serve)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Tus-Resumable", "1.0.0")
	method := r.Method
	if other := r.Header.Get("X-HTTP-Method-Override"); other != "" {
		method = other
	}
	if method == "OPTIONS" {
		w.Header().Set("Tus-Version", "1.0.0")
		w.Header().Set("Tus-Extension", "creation")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.Header.Get("Tus-Resumable") != "1.0.0" {
		w.Header().Set("Tus-Version", "1.0.0")
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	status := http.StatusMethodNotAllowed
	switch method {
	case "POST":
		status = create(w, r)
	case "HEAD":
		status = tell(w, r)
	case "PATCH":
		status = appended(w, r)
	}
	w.WriteHeader(status)
}

func create(w http.ResponseWriter, r *http.Request) int {
	length, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if err != nil || length < 0 {
		return http.StatusBadRequest
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return http.StatusInternalServerError
	}
	id := hex.EncodeToString(random)
	said := fmt.Sprintf("%d\n%s", length, r.Header.Get("Upload-Metadata"))
	if fresh(id+".said", said) != nil || fresh(id, "") != nil || synced(root) != nil {
		return http.StatusInternalServerError
	}
	w.Header().Set("Location", "/files/"+id)
	return http.StatusCreated
}

// fresh makes a file that outlives a loss of power, once its directory is synced.
func fresh(name, text string) error {
	file, err := os.OpenFile(filepath.Join(root, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	return file.Sync()
}

func synced(directory string) error {
	file, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

// known is the length and metadata of an upload; a status other than 0 where there is none to be had.
func known(r *http.Request) (path string, length int64, metadata string, status int) {
	path = filepath.Join(root, filepath.Base(r.URL.Path))
	said, err := os.ReadFile(path + ".said")
	if os.IsNotExist(err) {
		return "", 0, "", http.StatusNotFound
	}
	first, rest, found := strings.Cut(string(said), "\n")
	length, bad := strconv.ParseInt(first, 10, 64)
	if err != nil || bad != nil || !found {
		return "", 0, "", http.StatusInternalServerError
	}
	return path, length, rest, 0
}

func tell(w http.ResponseWriter, r *http.Request) int {
	path, length, metadata, status := known(r)
	if status != 0 {
		return status
	}
	file, err := opened(path)
	if err != nil {
		return missing(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return http.StatusInternalServerError
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Upload-Offset", strconv.FormatInt(info.Size(), 10))
	w.Header().Set("Upload-Length", strconv.FormatInt(length, 10))
	if metadata != "" {
		w.Header().Set("Upload-Metadata", metadata)
	}
	return http.StatusOK
}

func appended(w http.ResponseWriter, r *http.Request) int {
	offset, bad := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if r.Header.Get("Content-Type") != "application/offset+octet-stream" {
		return http.StatusUnsupportedMediaType
	}
	if bad != nil || offset < 0 {
		return http.StatusBadRequest
	}
	path, length, _, status := known(r)
	if status != 0 {
		return status
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return http.StatusBadRequest
	}
	file, err := opened(path)
	if err != nil {
		return missing(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return http.StatusInternalServerError
	}
	if info.Size() != offset {
		return http.StatusConflict
	}
	if offset+int64(len(data)) > length {
		return http.StatusRequestEntityTooLarge
	}
	// WriteAt goes on after a short write. The size is the offset, so nothing but bytes has to be kept.
	if _, err := file.WriteAt(data, offset); err != nil {
		return http.StatusInternalServerError
	}
	if err := file.Sync(); err != nil {
		return http.StatusInternalServerError
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(offset+int64(len(data)), 10))
	return http.StatusNoContent
}

// opened has the lock until it is closed, which the kernel sees to where the process dies.
func opened(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil || unlocked {
		return file, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func missing(err error) int {
	if os.IsNotExist(err) {
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}
