package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/paceline/paceline/internal/config"
	"github.com/paceline/paceline/internal/errs"
)

func TestAHostFileIsReadAsItWasWritten(t *testing.T) {
	dir := config.Dir(t.TempDir())
	if _, err := config.LoadHost(dir); !errs.Is(err, errs.NotFound) {
		t.Errorf("no file: %v", err)
	}
	h := &config.Host{
		Name: "b1", Cluster: "c", Boosters: []string{"b1:5169", "b2:5169"}, Advertise: "10.0.0.1",
		Roles: []config.Role{config.RoleBooster, config.RoleGateway}, Listen: config.Listen{Gateway: ":0"},
	}
	for range 2 {
		if err := config.SaveHost(dir, h); err != nil {
			t.Fatal(err)
		}
		if got, err := config.LoadHost(dir); err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	files, err := os.ReadDir(string(dir))
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestAWrongHostFileNamesAllPlaces(t *testing.T) {
	dir := config.Dir(t.TempDir())
	text := "name: Booster One\nroles: [server, data]\nboosters: [b1]\nlisten: {gateway: 80}\n"
	if err := os.WriteFile(filepath.Join(string(dir), "host.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.LoadHost(dir)
	var e *errs.Error
	if !errors.As(err, &e) || len(e.Details) != 4 {
		t.Fatalf("%+v", err)
	}
	for i, place := range []string{"boosters", "listen.gateway", "name", "roles"} {
		if e.Details[i].Place != place {
			t.Errorf("%d: %+v", i, e.Details[i])
		}
	}
}

func TestRolesHaveAliases(t *testing.T) {
	for name, want := range map[string]config.Role{"center": "booster", "application": "server", "web": "gateway", "agent": "agent", "server": "server"} {
		if got, err := config.ParseRole(name); err != nil || got != want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	if _, err := config.ParseRole("master"); !errs.Is(err, errs.Invalid) {
		t.Errorf("master: %v", err)
	}
}

func TestTheAddressOfAHostIsOneThatOthersReach(t *testing.T) {
	for _, tt := range []struct{ advertise, listen, want string }{
		{"", "127.0.0.1:8100", "127.0.0.1:8100"},
		{"", "[::]:8100", "b1:8100"},
		{"10.0.0.1", "[::]:8100", "10.0.0.1:8100"},
		{"10.0.0.1", "127.0.0.1:8100", "10.0.0.1:8100"},
	} {
		h := &config.Host{Name: "b1", Advertise: tt.advertise}
		if got := h.AddressOf(tt.listen); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}
