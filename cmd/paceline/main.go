// Command paceline is the whole product in one binary: the server, and the commands
// that speak to one.
//
// What a command prints on standard output is its answer, as a table or as JSON
// (--output); errors go to standard error with their cure, and the exit code tells
// their kind.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "dev"

const description = `Forms and workflows, on one machine or many.

Exit codes: 0 done; 1 the thing asked for failed or is not so; 2 wrong usage; 3 not signed in, or not allowed;
4 not found; 5 in conflict with how things are now; 6 the server cannot be reached. bpmn and feel use 0 and 1 only.`

// commands is the command line. Each group has a file of its own.
type commands struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"How answers are printed: ${enum}."`

	Serve serveCmd `cmd:"" help:"Run a server."`
	Demo  demoCmd  `cmd:"" help:"Run a whole cluster on this machine, with sample apps and people."`

	Start   startCmd   `cmd:"" help:"Run a host of a cluster, or one of its roles."`
	Stop    stopCmd    `cmd:"" help:"Stop a host of a cluster, or one of its roles."`
	Restart restartCmd `cmd:"" help:"Restart the roles of a host, or one of them."`
	Status  statusCmd  `cmd:"" help:"Show how the roles of this host are, and what they wait for."`

	Gateway gatewayCmd `cmd:"" help:"Spread requests over servers that may come, go and die."`

	Cluster clusterCmd `cmd:"" help:"Make a cluster of several machines."`
	Token   tokenCmd   `cmd:"" help:"Tokens that let machines join the cluster."`
	Join    joinCmd    `cmd:"" help:"Make this machine a host of a cluster."`

	Migrate migrateCmd `cmd:"" help:"Move all data to another database."`

	Login  loginCmd  `cmd:"" help:"Sign in to a server and keep a token."`
	Logout logoutCmd `cmd:"" help:"Forget the token, here and on the server."`

	App       appCmd       `cmd:"" help:"Publish apps and look after their versions."`
	Ticket    ticketCmd    `cmd:"" help:"Open, find and show tickets."`
	Task      taskCmd      `cmd:"" help:"Work through the inbox."`
	Record    recordCmd    `cmd:"" help:"Data tables: look at, write, import and export records."`
	Notice    noticeCmd    `cmd:"" help:"Read what you were told."`
	Deputy    deputyCmd    `cmd:"" help:"Let somebody stand in for you."`
	Incident  incidentCmd  `cmd:"" help:"Find and repair what cannot go on."`
	Operation operationCmd `cmd:"" help:"Look after operations on many tickets."`
	Calendar  calendarCmd  `cmd:"" help:"Work hours and holidays."`
	Schedule  scheduleCmd  `cmd:"" help:"What is due again and again."`
	Message   messageCmd   `cmd:"" help:"Messages to processes."`
	Signal    signalCmd    `cmd:"" help:"Signals to processes."`
	Hook      hookCmd      `cmd:"" help:"Webhooks that other systems call."`
	User      userCmd      `cmd:"" help:"People."`
	Group     groupCmd     `cmd:"" help:"Groups of people."`
	Unit      unitCmd      `cmd:"" help:"Units of the organisation."`
	Node      nodeCmd      `cmd:"" help:"The servers."`

	Bpmn bpmnCmd `cmd:"" help:"Check and run BPMN models; no server needed."`
	Feel feelCmd `cmd:"" help:"Evaluate FEEL expressions; no server needed."`

	Script scriptCmd `cmd:"" hidden:"" help:"Run one script task; the server calls it."`

	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv})
	stop()
	os.Exit(code)
}

// run is the program without its process: what the arguments ask for, on the given
// console. It returns the exit code.
func run(ctx context.Context, args []string, con *console) int {
	var line commands
	parser, err := kong.New(&line,
		kong.Name("paceline"),
		kong.Description(description),
		kong.Writers(con.out, con.err),
		kong.Exit(func(int) {}), // help has been printed; run returns by itself
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(con),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return con.fail(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	asked, err := parser.Parse(args)
	con.strict = offline(args)
	if helped(args) {
		return exitDone
	}
	if err != nil {
		return con.misused(err)
	}
	con.format = line.Output
	if err := asked.Run(parser); err != nil {
		return con.fail(err)
	}
	return exitDone
}
