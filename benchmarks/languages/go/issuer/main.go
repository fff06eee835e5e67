// ory/fosite with the same client, user and codes as ours, in memory. Arguments: the descriptor of the
// listening socket, the file for the seed, and how many codes.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"
)

const (
	client   = "bench-client"
	issuer   = "http://localhost:9000"
	resource = "http://localhost:9000/mcp"
	callback = "http://127.0.0.1:41000/callback"
)

var scopes = fosite.Arguments{"mcp:read", "mcp:tools"}

func main() {
	descriptor, err := strconv.Atoi(os.Args[1])
	check(err)
	count, err := strconv.Atoi(os.Args[3])
	check(err)
	listener, err := net.FileListener(os.NewFile(uintptr(descriptor), "listening"))
	check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	config := &fosite.Config{
		GlobalSecret:                []byte("2Vx8pKq0ZbN5rTt7WcYd1Lm4Gh6Jf9Sa"),
		AccessTokenIssuer:           issuer,
		AccessTokenLifespan:         5 * time.Minute,
		AuthorizeCodeLifespan:       time.Hour,
		RefreshTokenScopes:          []string{},
		EnforcePKCEForPublicClients: true,
		JWTScopeClaimKey:            jwt.JWTScopeFieldString,
	}
	store := storage.NewMemoryStore()
	public := &fosite.DefaultClient{
		ID:            client,
		RedirectURIs:  []string{callback},
		GrantTypes:    fosite.Arguments{"authorization_code", "refresh_token"},
		ResponseTypes: fosite.Arguments{"code"},
		Scopes:        scopes,
		Audience:      fosite.Arguments{resource},
		Public:        true,
	}
	store.Clients[client] = public
	hmac := compose.NewOAuth2HMACStrategy(config)
	signing := func(context.Context) (any, error) { return key, nil }
	strategy := compose.NewOAuth2JWTStrategy(signing, hmac, config)
	provider := compose.Compose(
		config, store, strategy,
		compose.OAuth2AuthorizeExplicitFactory,
		compose.OAuth2RefreshTokenGrantFactory,
		compose.OAuth2PKCEFactory,
	)
	writeSeed(seed(store, strategy, public, count))
	http.HandleFunc("/token", func(response http.ResponseWriter, request *http.Request) {
		ctx := request.Context()
		asked, err := provider.NewAccessRequest(ctx, request, session())
		if err != nil {
			provider.WriteAccessError(ctx, response, asked, err)
			return
		}
		answer, err := provider.NewAccessResponse(ctx, asked)
		if err != nil {
			provider.WriteAccessError(ctx, response, asked, err)
			return
		}
		provider.WriteAccessResponse(ctx, response, asked, answer)
	})
	log.Fatal(http.Serve(listener, nil))
}

func session() *oauth2.JWTSession {
	return &oauth2.JWTSession{
		JWTClaims: &jwt.JWTClaims{Subject: "alice", Issuer: issuer, Audience: []string{resource}},
		JWTHeader: &jwt.Headers{Extra: map[string]any{"typ": "at+jwt"}},
		Subject:   "alice",
		Username:  "alice",
	}
}

func seed(
	store *storage.MemoryStore, strategy *oauth2.DefaultJWTStrategy, public fosite.Client, count int,
) []string {
	ctx := context.Background()
	codes := make([]string, 0, count)
	for range count {
		code, signature, err := strategy.GenerateAuthorizeCode(ctx, nil)
		check(err)
		asked := fosite.NewAuthorizeRequest()
		asked.Client, asked.Session = public, session()
		asked.Form = url.Values{
			"redirect_uri":          {callback},
			"code_challenge":        {os.Getenv("CHALLENGE")},
			"code_challenge_method": {"S256"},
		}
		asked.RequestedScope, asked.GrantedScope = scopes, scopes
		asked.Session.SetExpiresAt(fosite.AuthorizeCode, time.Now().Add(time.Hour))
		check(store.CreateAuthorizeCodeSession(ctx, signature, asked))
		check(store.CreatePKCERequestSession(ctx, signature, asked))
		codes = append(codes, code)
	}
	return codes
}

func writeSeed(codes []string) {
	text, err := json.Marshal(map[string]any{"client_id": client, "codes": codes})
	check(err)
	// Renamed, so that nobody reads a half of it.
	check(os.WriteFile(os.Args[2]+".new", text, 0o600))
	check(os.Rename(os.Args[2]+".new", os.Args[2]))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
