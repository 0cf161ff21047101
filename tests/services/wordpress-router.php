<?php
// What .htaccess does under Apache: what exists is served, all else is WordPress's. In a network each site has the same
// files below its own folder.

if ( file_exists( getenv( 'GALLEY_SWITCHES' ) . '/drop-authorization' ) ) {
	unset( $_SERVER['HTTP_AUTHORIZATION'], $_SERVER['PHP_AUTH_USER'], $_SERVER['PHP_AUTH_PW'] );
}

const TYPES = array( 'css' => 'text/css', 'js' => 'text/javascript', 'jpg' => 'image/jpeg', 'png' => 'image/png' );

$path   = rawurldecode( parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) ?: '/' );
$script = '/index.php';
if ( getenv( 'GALLEY_NETWORK' ) && preg_match( '~^/news(/wp-(?:admin|content|includes)/.*|/[\w-]+\.php)$~', $path, $found ) ) {
	$script = str_ends_with( $found[1], '/' ) ? "{$found[1]}index.php" : $found[1];
	if ( ! str_ends_with( $script, '.php' ) && is_file( $_SERVER['DOCUMENT_ROOT'] . $script ) ) {
		header( 'Content-Type: ' . ( TYPES[ pathinfo( $script, PATHINFO_EXTENSION ) ] ?? 'application/octet-stream' ) );
		readfile( $_SERVER['DOCUMENT_ROOT'] . $script );
		return true;
	}
	$script = is_file( $_SERVER['DOCUMENT_ROOT'] . $script ) ? $script : '/index.php';
} elseif ( '/' !== $path && file_exists( $_SERVER['DOCUMENT_ROOT'] . $path ) ) {
	return false;
}
// PHP's server takes a dot in the path for a file name and splits the rest off.
unset( $_SERVER['PATH_INFO'] );
$_SERVER['SCRIPT_NAME']     = $script;
$_SERVER['PHP_SELF']        = $script;
$_SERVER['SCRIPT_FILENAME'] = $_SERVER['DOCUMENT_ROOT'] . $script;
chdir( dirname( $_SERVER['SCRIPT_FILENAME'] ) );
require $_SERVER['SCRIPT_FILENAME'];
