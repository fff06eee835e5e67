// The official Go SDK with a verifier on golang-jwt. Arguments: the descriptor of the listening socket,
// the address of the issuer's keys, and "remember" to keep what was verified.
package main

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	issuer   = "https://issuer.example"
	resource = "http://127.0.0.1:9000/mcp"
	scope    = "mcp:tools"
)

type operands struct {
	A int `json:"a"`
	B int `json:"b"`
}

type sum struct {
	Result int `json:"result"`
}

type claims struct {
	Scope string `json:"scope"`
	jwt.RegisteredClaims
}

func add(_ context.Context, _ *mcp.CallToolRequest, in operands) (*mcp.CallToolResult, sum, error) {
	total := in.A + in.B
	text := &mcp.TextContent{Text: strconv.Itoa(total)}
	return &mcp.CallToolResult{Content: []mcp.Content{text}}, sum{total}, nil
}

func main() {
	descriptor, err := strconv.Atoi(os.Args[1])
	check(err)
	listener, err := net.FileListener(os.NewFile(uintptr(descriptor), "listening"))
	check(err)
	verify := verifier(fetchKey(os.Args[2]))
	if len(os.Args) > 3 && os.Args[3] == "remember" {
		verify = remembering(verify)
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "add", Description: "Add two numbers."}, add)
	handler := mcp.NewStreamableHTTPHandler(
		func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true},
	)
	guard := auth.RequireBearerToken(verify, &auth.RequireBearerTokenOptions{Scopes: []string{scope}})
	mux := http.NewServeMux()
	mux.Handle("/mcp", guard(handler))
	log.Fatal(http.Serve(listener, mux))
}

func verifier(key *rsa.PublicKey) auth.TokenVerifier {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(resource),
		jwt.WithExpirationRequired(),
	)
	return func(_ context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		found := claims{}
		_, err := parser.ParseWithClaims(token, &found, func(*jwt.Token) (any, error) { return key, nil })
		if err != nil {
			return nil, fmt.Errorf("%w: %v", auth.ErrInvalidToken, err)
		}
		return &auth.TokenInfo{
			Scopes:     strings.Fields(found.Scope),
			Expiration: found.ExpiresAt.Time,
			UserID:     found.Subject,
		}, nil
	}
}

// The SDK has no cache of verified tokens. Ours remembers the newest ten thousand.
func remembering(verify auth.TokenVerifier) auth.TokenVerifier {
	var lock sync.Mutex
	known := map[string]*auth.TokenInfo{}
	return func(ctx context.Context, token string, request *http.Request) (*auth.TokenInfo, error) {
		lock.Lock()
		info := known[token]
		lock.Unlock()
		if info != nil && time.Now().Before(info.Expiration) {
			return info, nil
		}
		info, err := verify(ctx, token, request)
		if err != nil {
			return nil, err
		}
		lock.Lock()
		defer lock.Unlock()
		if len(known) >= 10_000 {
			clear(known)
		}
		known[token] = info
		return info, nil
	}
}

func fetchKey(address string) *rsa.PublicKey {
	answer, err := http.Get(address)
	check(err)
	defer answer.Body.Close()
	var set struct {
		Keys []struct{ Kid, N, E string }
	}
	check(json.NewDecoder(answer.Body).Decode(&set))
	for _, one := range set.Keys {
		if one.Kid == "RS256" {
			return &rsa.PublicKey{N: number(one.N), E: int(number(one.E).Int64())}
		}
	}
	log.Fatal("no RS256 key")
	return nil
}

func number(text string) *big.Int {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	check(err)
	return new(big.Int).SetBytes(plain)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
